import Contracts
import Cryptography
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import Testing

@testable import PortalService

/// A program that signs in, as the AWS CLI is one.
struct OAuthProgram {
    static let redirect = "http://127.0.0.1/oauth/callback"
    static let verifier = String(repeating: "v-._~", count: 10)

    struct Answer {
        let status: HTTPResponse.Status
        let type: String?
        let body: [String: Any]
    }

    struct DeviceStart {
        let deviceCode, userCode: String
    }

    func registration(device: Bool = false, scopes: Bool = true) -> [String: Any] {
        var body: [String: Any] = ["clientName": "botocore-client-test", "clientType": "public"]
        if scopes { body["scopes"] = ["sso:account:access"] }
        if !device {
            body["grantTypes"] = ["authorization_code", "refresh_token"]
            body["redirectUris"] = [Self.redirect]
            body["issuerUrl"] = TestPortal.url + "/start"
        }
        return body
    }

    func post(
        _ client: any TestClientProtocol, _ path: String, _ body: [String: Any],
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        let data = try JSONSerialization.data(withJSONObject: body)
        var fields: HTTPFields = [.contentType: "application/json"]
        fields.append(contentsOf: headers)
        return try await client.execute(
            uri: path, method: .post, headers: fields,
            body: ByteBuffer(bytes: data)
        ) { response in
            let object = try JSONSerialization.jsonObject(
                with: Data(response.body.readableBytesView))
            return Answer(
                status: response.status, type: response.headers[.amazonErrorType],
                body: object as? [String: Any] ?? [:])
        }
    }

    func register(
        _ client: any TestClientProtocol, device: Bool = false, scopes: Bool = true
    ) async throws -> [String: String] {
        let answer = try await post(
            client, "/client/register", registration(device: device, scopes: scopes))
        #expect(answer.status == .ok)
        return [
            "clientId": try #require(answer.body["clientId"] as? String),
            "clientSecret": try #require(answer.body["clientSecret"] as? String),
        ]
    }

    func query(_ id: [String: String]) -> [String: String] {
        let hash = (try? SHA256.hash(Array(Self.verifier.utf8))) ?? []
        return [
            "response_type": "code", "client_id": id["clientId"] ?? "",
            "redirect_uri": "http://127.0.0.1:5000/oauth/callback", "state": "s-1",
            "code_challenge_method": "S256", "scope": "sso:account:access",
            "code_challenge": Base64URL.encode(hash),
        ]
    }

    /// The code that comes back to the program.
    func allow(
        _ client: any TestClientProtocol, _ id: [String: String], _ session: String
    ) async throws -> String {
        var query = query(id)
        try await client.execute(
            uri: "/authorize?" + String(buffer: TestPortal.form(query)), method: .get,
            headers: TestPortal.cookie(session)
        ) {
            #expect($0.status == .ok)
            #expect(String(buffer: $0.body).contains("botocore-client-test"))
            #expect(
                $0.headers[.contentSecurityPolicy]?.contains(
                    "form-action 'self' http://127.0.0.1:5000;")
                    == true)
        }
        query["decision"] = "allow"
        return try await client.execute(
            uri: "/authorize", method: .post, headers: TestPortal.formHeaders(session),
            body: TestPortal.form(query, csrf: session)
        ) { response in
            let location = try #require(response.headers[.location])
            let parts = try #require(URLComponents(string: location))
            #expect(parts.port == 5_000)
            #expect(parts.queryItems?.first { $0.name == "state" }?.value == "s-1")
            return try #require(parts.queryItems?.first { $0.name == "code" }?.value)
        }
    }

    func exchange(_ id: [String: String], _ code: String) -> [String: String] {
        id.merging([
            "grantType": "authorization_code", "code": code, "codeVerifier": Self.verifier,
            "redirectUri": "http://127.0.0.1:5000/oauth/callback",
        ]) { $1 }
    }

    func accounts(
        _ client: any TestClientProtocol, _ token: String
    ) async throws -> HTTPResponse.Status {
        try await client.execute(
            uri: "/assignment/accounts", method: .get, headers: [.bearerToken: token]
        ) { $0.status }
    }

    func begin(
        _ client: any TestClientProtocol, _ id: [String: String], headers: HTTPFields = [:]
    ) async throws -> DeviceStart {
        let answer = try await post(
            client, "/device_authorization",
            id.merging(["startUrl": TestPortal.url + "/start"]) { $1 }, headers: headers)
        #expect(answer.body["verificationUri"] as? String == TestPortal.url + "/device")
        #expect(answer.body["expiresIn"] as? Int == 600)
        return DeviceStart(
            deviceCode: try #require(answer.body["deviceCode"] as? String),
            userCode: try #require(answer.body["userCode"] as? String))
    }

    func poll(
        _ client: any TestClientProtocol, _ id: [String: String], _ start: DeviceStart
    ) async throws -> Answer {
        try await post(
            client, "/token",
            id.merging([
                "grantType": "urn:ietf:params:oauth:grant-type:device_code",
                "deviceCode": start.deviceCode,
            ]) { $1 })
    }

    func decide(
        _ client: any TestClientProtocol, _ session: String, _ code: String, _ decision: String,
        _ shows: String
    ) async throws {
        try await client.execute(
            uri: "/device", method: .post, headers: TestPortal.formHeaders(session),
            body: TestPortal.form(["user_code": code, "decision": decision], csrf: session)
        ) { #expect(String(buffer: $0.body).contains(shows)) }
    }
}
