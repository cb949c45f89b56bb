import Contracts
import Foundation
import RPC
import Testing

@testable import PortalService

/// Role credentials by RPC, as portolan-credentials fetches them.
@Suite("Role credentials by RPC")
struct CredentialAdministrationTests {
    private func ask(
        _ portal: TestPortal, _ token: String, account: String = TestPortal.accountID,
        role: String = "ReadOnly"
    ) async throws -> PortalGetRoleCredentialsResponse {
        var request = PortalGetRoleCredentialsRequest()
        request.sessionToken = token
        request.accountID = account
        request.roleName = role
        let context = ServerContext(
            method: PortalCredentialsMethods.getRoleCredentials, peer: .operator(name: "alix"),
            deadline: .after(.seconds(5)), metadata: [:], requestID: "r1")
        return try await CredentialAdministration(
            authenticator: portal.features.authenticator, issuer: portal.features.issuer
        ).getRoleCredentials(request, context: context)
    }

    private func reason(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch { return (error as? RPCError)?.reason }
    }

    @Test("a token that is no live session gets nothing")
    func invalid() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        for wrong in ["", "nonsense", token + "x", String(repeating: "a", count: 9_000)] {
            #expect(await reason { _ = try await ask(portal, wrong) } == "SESSION_INVALID")
        }
        portal.now += 4_000
        #expect(await reason { _ = try await ask(portal, token) } == "SESSION_INVALID")
        #expect(portal.trail.events.isEmpty)
    }

    @Test("a role that is not assigned, or not named, gives no keys and no event")
    func notAssigned() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        #expect(await reason { _ = try await ask(portal, token, role: "Admin") } != nil)
        #expect(await reason { _ = try await ask(portal, token, role: "") } == "ACCOUNT_AND_ROLE")
        #expect(
            await reason { _ = try await ask(portal, token, account: "") } == "ACCOUNT_AND_ROLE")
        #expect(portal.trail.events.isEmpty)
    }

    @Test("keys are the session's person's, end in time and are recorded")
    func issued() async throws {
        let portal = try TestPortal()
        let answer = try await ask(portal, try await portal.sessionToken())
        #expect(answer.accessKeyID.count == 20)
        #expect(answer.secretAccessKey.count == 40)
        #expect(!answer.sessionToken.isEmpty)
        let seconds = answer.expiresAtUs / 1_000_000 - Int64(portal.now.timeIntervalSince1970)
        #expect((1...43_200).contains(seconds))
        let event = try #require(portal.trail.events.first)
        #expect(portal.trail.events.count == 1)
        #expect(event.eventName == "GetRoleCredentials")
        #expect(event.actor.userName == "alix@example.com")
        #expect(!"\(event)".contains(answer.secretAccessKey))
    }
}
