import Contracts
import Crypto
import Foundation
import HTTPTypes
import RPC

@testable import PortalService

/// Signs as the AWS SDKs do, written anew here from AWS' description.
struct RequestSigner: Sendable {
    let accessKeyID: String
    let secretAccessKey: String
    let sessionToken: String
    let time: String

    init(_ keys: RoleCredentials, at date: Date) {
        self.init(keys.accessKeyID, keys.secretAccessKey, keys.sessionToken, at: date)
    }

    init(_ id: String, _ secret: String, _ token: String, at date: Date) {
        accessKeyID = id
        secretAccessKey = secret
        sessionToken = token
        time = Display.rfc3339(microseconds: date.microseconds).filter { $0 != "-" && $0 != ":" }
    }

    /// Headers of a POST to "/" of "localhost"; all those given are signed.
    func headers(
        body: String, service: String, region: String, _ given: HTTPFields = [:]
    ) -> HTTPFields {
        var headers = given
        headers[.amazonDate] = time
        headers[.amazonSecurityToken] = sessionToken
        var values = Dictionary(
            uniqueKeysWithValues: headers.map { ($0.name.canonicalName, $0.value) })
        values["host"] = "localhost"
        let names = values.keys.sorted()
        let day = String(time.prefix(8))
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let canonical =
            (["POST", "/", ""] + names.map { "\($0):\(values[$0] ?? "")" }
            + ["", names.joined(separator: ";"), hexHash(body)]).joined(separator: "\n")
        let toSign = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(hexHash(canonical))"
        var key = Data("AWS4\(secretAccessKey)".utf8)
        for part in [day, region, service, "aws4_request", toSign] {
            key = Data(
                HMAC<SHA256>.authenticationCode(
                    for: Data(part.utf8), using: SymmetricKey(data: key)))
        }
        let signature = key.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        headers[.authorization] =
            "AWS4-HMAC-SHA256 Credential=\(accessKeyID)/\(scope), "
            + "SignedHeaders=\(names.joined(separator: ";")), Signature=\(signature)"
        return headers
    }
}

extension TestPortal {
    /// Credentials for the one role that the person has.
    func roleCredentials() async throws -> RoleCredentials {
        guard let person = try await features.authenticator.person(token: sessionToken()) else {
            throw CocoaError(.userCancelled)
        }
        return try await features.issuer.issue(
            to: person, account: Self.accountID, role: "ReadOnly", actor: .init(),
            options: .standard)
    }
}
