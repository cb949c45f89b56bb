import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import PortalService

/// What the JSON front answered.
struct AWSAnswer: Sendable {
    let status: HTTPResponse.Status
    let headers: HTTPFields
    let text: String

    var object: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any] ?? [:]
    }
    /// The exception's name.
    var type: String? { object["__type"] as? String }
}

extension TestPortal {
    /// A signed request to an operation, by the person in the role unless another signer is given.
    func call(
        _ target: String, for service: String, _ body: String, _ signer: RequestSigner? = nil
    ) async throws -> AWSAnswer {
        let made: RequestSigner
        if let signer {
            made = signer
        } else {
            made = RequestSigner(try await roleCredentials(), at: now)
        }
        let headers = made.headers(
            body: body, service: service, region: "eu-central-1",
            [.amazonTarget: target, .contentType: "application/x-amz-json-1.1"])
        return try await send(headers, body)
    }

    func send(_ headers: HTTPFields, _ body: String) async throws -> AWSAnswer {
        let answer = SharedValue<AWSAnswer?>(nil)
        try await run { client in
            try await client.execute(
                uri: "/", method: .post, headers: headers, body: ByteBuffer(string: body)
            ) { response in
                answer.value = AWSAnswer(
                    status: response.status, headers: response.headers,
                    text: String(buffer: response.body))
            }
        }
        return try #require(answer.value)
    }

    /// Signs as an operator.
    func operatorSigner(_ name: String) async throws -> RequestSigner {
        let keys = try await features.issuer.issue(
            operatorName: name, seconds: 900, actor: .init(), instance: instance.required())
        return RequestSigner(
            keys.claims.accessKeyID, keys.secretAccessKey, keys.sessionToken, at: now)
    }
}
