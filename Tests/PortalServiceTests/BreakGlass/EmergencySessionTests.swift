import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import SwiftProtobuf
import Testing
import WebAuthnTesting

@testable import PortalService

@Suite("Emergency sessions")
struct EmergencySessionTests {
    @Test("it sees the listed roles and nothing else, under a banner")
    func start() async throws {
        let person = try await EmergencyPerson.prepared(try TestPortal())
        let page = try await person.get("/start", session: try await person.session())
        #expect(page.status == .ok)
        #expect(page.page.contains("Production"))
        #expect(page.page.contains("Admin"))
        #expect(!page.page.contains("ReadOnly"))
        #expect(!page.page.contains("wiki.example"))
        #expect(page.page.contains("class=\"emergency\""))
        #expect(page.page.contains("It ends in 1 h"))
        #expect(!page.page.contains("/console"))
        #expect(page.headers[.contentSecurityPolicy]?.contains("script-src") == false)
    }

    @Test("the console is closed to it")
    func console() async throws {
        let person = try await EmergencyPerson.prepared(try TestPortal())
        let session = try await person.session()
        #expect(try await person.get("/console/settings", session: session).status == .forbidden)
    }

    @Test("credentials are for listed roles, end with the grant, and are recorded with it")
    func credentials() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let session = try await person.session(minutes: 15)
        let someone = try #require(
            try await portal.features.authenticator.person(token: session))
        for (account, role) in [
            (TestPortal.accountID, "ReadOnly"), ("999999999999", "Admin"),
            (TestPortal.accountID, ""),
        ] {
            let error = await #expect(throws: RPCError.self) {
                try await portal.features.issuer.issue(
                    to: someone, account: account, role: role, actor: .init(), options: .standard)
            }
            #expect(error?.reason == "ROLE_NOT_ASSIGNED")
        }
        var actor = TrailActor()
        someone.name(in: &actor)
        let given = try await portal.features.issuer.issue(
            to: someone, account: TestPortal.accountID, role: "Admin", actor: actor,
            options: .standard)
        #expect(given.seconds == 900)
        let event = try #require(portal.trail.events.last)
        #expect(event.eventName == "GetRoleCredentials")
        #expect(event.actor.type == "BreakGlassUser")
        #expect(event.additionalEventDataJson.contains(try person.grant().grantID))
        let signer = RequestSigner(given, at: portal.now)
        let body = #"{"IdentityStoreId":"d-0123456789"}"#
        let before = try await portal.call(
            "AWSIdentityStore.ListUsers", for: "identitystore", body, signer)
        #expect(before.type == "AccessDeniedException")
        _ = try await portal.features.breakGlass.update(person.name, event: { _ in .init() }) {
            $0.user.roles[0].permissionSetName = "ReadOnly"
        }
        let after = try await portal.call(
            "AWSIdentityStore.ListUsers", for: "identitystore", body, signer)
        #expect(after.type == "ExpiredTokenException")
    }

    @Test("it is over at its time")
    func expires() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let session = try await person.session(minutes: 15)
        portal.now.addTimeInterval(899)
        #expect(try await person.get("/start", session: session).status == .ok)
        portal.now.addTimeInterval(1)
        #expect(try await person.get("/start", session: session).status == .seeOther)
        #expect(try person.grant().endCause == "expired")
    }

    @Test("a revocation that comes from another Region ends it")
    func revokedElsewhere() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let session = try await person.session()
        let grant = try person.grant()
        var revocation = PortalRevocationRecord()
        revocation.sessionID = grant.grantID
        revocation.userID = grant.userID
        revocation.revokedAtUs = portal.now.microseconds
        revocation.cause = "revoked"
        let change = RecordChange(
            key: "revocation/\(grant.grantID)", value: try revocation.serializedBytes())
        _ = try await portal.sessions.write { _ in RecordWrite(changes: [change], events: []) }
        #expect(try await person.get("/start", session: session).status == .seeOther)
        #expect(try person.grant().endCause == "revoked")
    }

    @Test("a user who is disabled, or gone, is out at once")
    func userGone() async throws {
        let portal = try TestPortal()
        let desk = portal.features.breakGlass
        let person = try await EmergencyPerson.prepared(portal)
        let session = try await person.session()
        _ = try await desk.update(person.name, event: { _ in .init() }) { $0.user.enabled = false }
        #expect(try await person.get("/start", session: session).status == .seeOther)
        _ = try await desk.update(person.name, event: { _ in .init() }) { $0.user.enabled = true }
        #expect(try await person.get("/start", session: session).status == .ok)
        try await desk.delete(person.name) { _ in .init() }
        #expect(try await person.get("/start", session: session).status == .seeOther)
    }

    @Test("while the users cannot be read, the session is not honoured")
    func closed() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let session = try await person.session()
        portal.breakGlass.fail(
            with: RPCError(.unavailable, reason: "DisabledException", message: "key"))
        #expect(try await person.get("/start", session: session).status == .serviceUnavailable)
    }

    @Test("signing out ends the grant, which then waits for its review")
    func signOut() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let session = try await person.session()
        try await portal.run { client in
            try await client.execute(
                uri: "/sign-out", method: .post, headers: TestPortal.formHeaders(session),
                body: TestPortal.form([:], csrf: session)
            ) { response in
                #expect(response.status == .ok)
                #expect(String(buffer: response.body).contains("href=\"/break-glass\""))
            }
        }
        let grant = try person.grant()
        #expect(grant.state == .unreviewed)
        #expect(grant.endCause == "signed-out")
    }
}
