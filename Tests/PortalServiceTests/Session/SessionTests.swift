import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import ServiceKit
import Synchronization
import Testing

@testable import PortalService

@Suite("Sessions")
struct SessionTests {
    @Test("the access portal shows accounts, roles and applications")
    func start() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        try await portal.run { client in
            try await client.execute(
                uri: "/start", method: .get, headers: TestPortal.cookie(token)
            ) { response in
                let page = String(buffer: response.body)
                #expect(response.status == .ok)
                #expect(page.contains("Production"))
                #expect(page.contains("ReadOnly"))
                #expect(page.contains("https://wiki.example"))
                #expect(!page.contains("ledger.example"), "a hidden application is not shown")
                #expect(page.contains("\(TestPortal.primaryURL)/start"))
                #expect(!page.contains("javascript:"))
                #expect(!page.contains("<b>Example</b>"))
                #expect(!page.contains("<script"))
            }
        }
    }

    @Test("an expired, altered or foreign token is no session")
    func badTokens() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken(seconds: 60)
        let foreign = try await TestPortal().sessionToken()
        let altered = try alter(token)
        try await expectSignIn(portal, foreign)
        try await expectSignIn(portal, altered)
        try await expectSignIn(portal, "x.y.z")
        #expect(try await portal.features.authenticator.person(token: token) != nil)
        portal.now.addTimeInterval(60)
        try await expectSignIn(portal, token)
    }

    @Test("credentials' tokens are no sessions")
    func otherUse() async throws {
        let portal = try TestPortal()
        let person = try #require(
            try await portal.features.authenticator.person(token: portal.sessionToken()))
        let credentials = try await portal.features.issuer.issue(
            to: person, account: TestPortal.accountID, role: "ReadOnly", actor: .init(),
            options: .standard)
        #expect(
            try await portal.features.authenticator.person(token: credentials.sessionToken) == nil)
    }

    @Test("a revoked session ends at once, also before its record has arrived")
    func revoked() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken(id: "11111111-2222-4333-8444-555555555555")
        #expect(try await portal.features.authenticator.person(token: token) != nil)
        try await portal.features.sessionDesk.end(
            sessionID: "11111111-2222-4333-8444-555555555555", userID: TestPortal.userID,
            expires: portal.now, cause: "revoked", events: [])
        try await expectSignIn(portal, token)
    }

    @Test("a disabled or deleted user's session ends at once")
    func disabledUser() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        portal.directory.setEnabled(TestPortal.userID, false)
        try await expectSignIn(portal, token)
        portal.directory.content.withLock { $0.users = [:] }
        try await expectSignIn(portal, token)
    }

    @Test("while revocations cannot be read no session is honoured")
    func closedState() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        portal.sessions.fail(
            with: RPCError(.failedPrecondition, reason: "DisabledException", message: "disabled"))
        try await portal.run { client in
            try await client.execute(
                uri: "/start", method: .get, headers: TestPortal.cookie(token)
            ) { response in
                #expect(response.status == .serviceUnavailable)
                #expect(String(buffer: response.body).contains("DisabledException"))
            }
        }
    }

    @Test("a view that cannot be recorded does not happen")
    func trailFails() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        portal.trail.fail(with: RPCError(.unavailable, reason: "DOWN", message: "down"))
        try await portal.run { client in
            try await client.execute(
                uri: "/start", method: .get, headers: TestPortal.cookie(token)
            ) { #expect($0.status == .serviceUnavailable) }
        }
    }

    @Test("sign-out revokes the session, records it and removes the cookie")
    func signOut() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        try await portal.run { client in
            try await client.execute(
                uri: "/sign-out", method: .post, headers: TestPortal.formHeaders(token),
                body: TestPortal.form([:], csrf: token)
            ) { response in
                #expect(response.status == .ok)
                #expect(response.headers[.setCookie]?.contains("Max-Age=0") == true)
            }
        }
        #expect(portal.sessions.appends.last?.events.map(\.eventName) == ["Logout"])
        try await expectSignIn(portal, token)
    }

    @Test("operators list and revoke sessions")
    func administration() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        let administration = SessionAdministration(
            desk: portal.features.sessionDesk,
            configuration: portal.features.services.configuration)
        let context = ServerContext(
            method: PortalSessionsMethods.revokeSession, peer: .operator(name: "alice"),
            deadline: .after(.seconds(5)), metadata: [:], requestID: "r")
        #expect(
            try await administration.listSessions(.init(), context: context).sessions.count == 1)
        await #expect(throws: RPCError.self) {
            try await administration.revokeSession(.init(), context: context)
        }
        var request = PortalRevokeSessionRequest()
        request.userID = TestPortal.userID
        #expect(try await administration.revokeSession(request, context: context).revoked == 1)
        #expect(portal.sessions.appends.last?.events.first?.actor.userName == "alice")
        try await expectSignIn(portal, token)
    }

    private func expectSignIn(_ portal: TestPortal, _ token: String) async throws {
        try await portal.run { client in
            try await client.execute(
                uri: "/start", method: .get, headers: TestPortal.cookie(token)
            ) { response in
                #expect(response.status == .seeOther)
                #expect(response.headers[.location]?.hasPrefix("https://idp.example/") == true)
            }
        }
    }

    /// The same header and signature around claims of somebody else.
    private func alter(_ token: String) throws -> String {
        var parts = token.split(separator: ".").map(String.init)
        let payload = try #require(Base64URL.decode(parts[1]))
        let text = String(decoding: payload, as: UTF8.self)
            .replacingOccurrences(of: "alix", with: "boss")
        parts[1] = Base64URL.encode(Array(text.utf8))
        return parts.joined(separator: ".")
    }
}
