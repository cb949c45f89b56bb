import Contracts
import Foundation
import ServiceKit
import Testing

@testable import PortalService

@Suite("Tokens that are known")
struct TokenAuthorityTests {
    @Test("a token that was good under one signing key is looked at anew under another")
    func otherKey() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        #expect(try await portal.features.authenticator.person(bearer: token) != nil)
        var answer = TestPortal.instance(isPrimary: true, binding: "Redirect")
        answer.instance.signingKeyID = "mrk-ffffffffffffffffffffffffffffffff"
        portal.instance.set(answer)
        #expect(try await portal.features.authenticator.person(bearer: token) == nil)
        #expect(try await portal.features.authenticator.person(token: token) == nil)
    }

    @Test("nor does another instance take it, or this one once the session has ended")
    func ended() async throws {
        let portal = try TestPortal()
        let id = "11111111-2222-4333-8444-555555555555"
        let token = try await portal.sessionToken(seconds: 60, id: id)
        let authenticator = portal.features.authenticator
        #expect(try await authenticator.person(bearer: token) != nil)
        var other = TestPortal.instance(isPrimary: true, binding: "Redirect")
        other.instance.instanceArn = "arn:aws:sso:::instance/ssoins-fedcba9876543210"
        portal.instance.set(other)
        #expect(try await authenticator.person(bearer: token) == nil)
        portal.instance.set(TestPortal.instance(isPrimary: true, binding: "Redirect"))
        #expect(try await authenticator.person(bearer: token) != nil)
        let start = portal.now
        portal.now = start.addingTimeInterval(60)
        #expect(try await authenticator.person(bearer: token) == nil)
        portal.now = start
        #expect(try await authenticator.person(bearer: token) != nil)
        try await portal.features.sessionDesk.end(
            sessionID: id, userID: TestPortal.userID, expires: portal.now, cause: "revoked",
            events: [])
        #expect(try await authenticator.person(bearer: token) == nil)
    }

    @Test("a token of credentials is no bearer, however often it is shown")
    func credentials() async throws {
        let portal = try TestPortal()
        let credentials = try await portal.roleCredentials()
        let authenticator = portal.features.authenticator
        for _ in 0..<2 {
            #expect(try await authenticator.person(bearer: credentials.sessionToken) == nil)
            // Its signature is good, and known from here on.
            _ = try await portal.features.issuer.identity(
                token: credentials.sessionToken, instance: portal.instance.required())
        }
    }

    @Test("IDs are UUIDs of version 4 and differ")
    func identifiers() throws {
        let all = (0..<1_000).map { _ in RandomID.make() }
        #expect(Set(all).count == all.count)
        for id in all {
            #expect(UUID(uuidString: id)?.uuidString.lowercased() == id)
            let digits = Array(id)
            #expect(digits[14] == "4" && "89ab".contains(digits[19]))
        }
    }
}
