import Crypto
import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import Testing

@testable import PortalService

@Suite("GetCallerIdentity proves role credentials")
struct TokenServiceTests {
    static let body = "Action=GetCallerIdentity&Version=2011-06-15"

    @Test("a signed request is answered with the role and the person")
    func answers() async throws {
        let portal = try TestPortal()
        let keys = try await credentials(portal)
        try await send(portal, try headers(portal, keys)) { response in
            let text = String(buffer: response.body)
            #expect(response.status == .ok)
            #expect(
                text.contains(
                    "<Arn>arn:aws:sts::\(TestPortal.accountID):assumed-role/"
                        + "AWSReservedSSO_ReadOnly_0123456789abcdef/alix@example.com</Arn>"))
            #expect(text.contains("<Account>\(TestPortal.accountID)</Account>"))
        }
        #expect(portal.trail.names.last == "GetCallerIdentity")
    }

    @Test("another secret does not fit")
    func wrongSecret() async throws {
        let portal = try TestPortal()
        let keys = try await credentials(portal)
        let wrong = RoleCredentials(
            seconds: 3_600, accessKeyID: keys.accessKeyID,
            secretAccessKey: String(keys.secretAccessKey.reversed()),
            sessionToken: keys.sessionToken, expires: keys.expires, role: keys.role)
        try await send(portal, try headers(portal, wrong)) {
            expect($0, "SignatureDoesNotMatch")
        }
    }

    @Test("an altered body does not fit")
    func alteredBody() async throws {
        let portal = try TestPortal()
        let headers = try headers(portal, try await credentials(portal))
        try await send(portal, headers, body: Self.body + "&x=1") {
            expect($0, "SignatureDoesNotMatch")
        }
    }

    @Test("another key's ID does not go with the token")
    func otherKeyID() async throws {
        let portal = try TestPortal()
        let keys = try await credentials(portal)
        let mixed = RoleCredentials(
            seconds: 3_600, accessKeyID: "ASIAAAAAAAAAAAAAAAAA",
            secretAccessKey: keys.secretAccessKey,
            sessionToken: keys.sessionToken, expires: keys.expires, role: keys.role)
        try await send(portal, try headers(portal, mixed)) { expect($0, "InvalidClientTokenId") }
    }

    @Test("a signature is good for five minutes", arguments: [301.0, -301.0])
    func stale(offset: Double) async throws {
        let portal = try TestPortal()
        let headers = try headers(
            portal, try await credentials(portal), at: portal.now.addingTimeInterval(offset))
        try await send(portal, headers) { expect($0, "SignatureDoesNotMatch") }
    }

    @Test("credentials end")
    func expired() async throws {
        let portal = try TestPortal()
        let keys = try await credentials(portal)
        portal.now.addTimeInterval(3_600)
        try await send(portal, try headers(portal, keys)) { expect($0, "ExpiredToken") }
    }

    @Test("a signature for another service does not count")
    func otherService() async throws {
        let portal = try TestPortal()
        let headers = RequestSigner(try await credentials(portal), at: portal.now).headers(
            body: Self.body, service: "kms", region: "us-east-1")
        try await send(portal, headers) { expect($0, "SignatureDoesNotMatch") }
    }

    @Test("credentials end with the session that they were taken in")
    func endedSession() async throws {
        let portal = try TestPortal()
        let keys = try await credentials(portal)
        _ = try await portal.features.sessionDesk.endAll(of: TestPortal.userID, events: [])
        try await send(portal, try headers(portal, keys)) { expect($0, "ExpiredToken") }
    }

    @Test("without a signature, or with another action, nothing is told")
    func refused() async throws {
        let portal = try TestPortal()
        let plain: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
        try await send(portal, plain) { expect($0, "MissingAuthenticationToken") }
        try await send(portal, plain, body: "Action=AssumeRole") {
            #expect(String(buffer: $0.body).contains("<Code>UnknownAction</Code>"))
        }
    }

    private func expect(_ response: TestResponse, _ code: String) {
        #expect(response.status == .forbidden)
        #expect(String(buffer: response.body).contains("<Code>\(code)</Code>"))
    }

    private func send(
        _ portal: TestPortal, _ headers: HTTPFields, body: String = body,
        _ check: @escaping @Sendable (TestResponse) -> Void
    ) async throws {
        try await portal.run { client in
            try await client.execute(
                uri: "/", method: .post, headers: headers, body: ByteBuffer(string: body),
                testCallback: check)
        }
    }

    private func credentials(_ portal: TestPortal) async throws -> RoleCredentials {
        try await portal.roleCredentials()
    }

    private func headers(
        _ portal: TestPortal, _ keys: RoleCredentials, at date: Date? = nil
    ) throws -> HTTPFields {
        RequestSigner(keys, at: date ?? portal.now).headers(
            body: Self.body, service: "sts", region: "us-east-1",
            [.contentType: "application/x-www-form-urlencoded; charset=utf-8"])
    }
}
