import Contracts
import Foundation
import HTTPTypes
import RPC
import SwiftProtobuf
import Testing
import WebAuthnTesting

@testable import PortalService

@Suite("Break-glass administration by RPC")
struct BreakGlassAdministrationTests {
    private func client(
        _ portal: TestPortal, as peer: PeerIdentity = .operator(name: "alice")
    ) -> PortalBreakGlassClient {
        PortalBreakGlassClient(
            InProcessTransport(methods: PortalModule.methods(portal.features), peer: peer))
    }

    private func order(_ role: String = "Admin") -> PortalCreateBreakGlassUserRequest {
        .with {
            $0.name = "ada.breakglass"
            $0.roles = [
                .with {
                    $0.accountID = TestPortal.accountID
                    $0.permissionSetName = role
                }
            ]
            $0.enrolments = 2
        }
    }

    @Test("a service, a role that does not exist and an unknown user are refused")
    func refused() async throws {
        let portal = try TestPortal()
        let service = client(portal, as: .service(name: "directory", region: "eu-central-1"))
        var error = await #expect(throws: RPCError.self) {
            try await service.createBreakGlassUser(order())
        }
        #expect(error?.reason == "NOT_AN_OPERATOR")
        error = await #expect(throws: RPCError.self) {
            try await client(portal).createBreakGlassUser(order("Typo"))
        }
        #expect(error?.reason == "ROLE_UNKNOWN")
        error = await #expect(throws: RPCError.self) {
            try await client(portal).deleteBreakGlassUser(.with { $0.user = "nobody" })
        }
        #expect(error?.reason == "BREAK_GLASS_USER_NOT_FOUND")
        #expect(portal.breakGlass.appends.isEmpty)
    }

    @Test("each change is one write with its event, and links are shown once")
    func changes() async throws {
        let portal = try TestPortal()
        let client = client(portal)
        let made = try await client.createBreakGlassUser(order())
        #expect(made.user.userID.hasPrefix("break-glass/"))
        #expect(made.user.maxGrantSeconds == 3_600)
        #expect(made.user.createdBy == "alice")
        #expect(Set(made.enrolments.map(\.url)).count == 2)
        let changed = try await client.updateBreakGlassUser(
            .with {
                $0.user = "ADA.breakglass"
                $0.enabled = false
                $0.maxGrantSeconds = 900
            })
        #expect(!changed.user.enabled)
        #expect(changed.user.maxGrantSeconds == 900)
        #expect(changed.user.roles == made.user.roles)
        _ = try await client.createSecurityKeyEnrolment(.with { $0.user = made.user.userID })
        #expect(try await client.listBreakGlassUsers(.init()).users.first?.openEnrolments == 3)
        try await _ = client.deleteBreakGlassUser(.with { $0.user = "ada.breakglass" })
        #expect(try await client.listBreakGlassUsers(.init()).users.isEmpty)
        let events = portal.breakGlass.appends.map { $0.events.map(\.eventName) }
        #expect(
            events == [
                ["CreateBreakGlassUser"], ["UpdateBreakGlassUser"],
                ["CreateSecurityKeyEnrolment"], ["DeleteBreakGlassUser"],
            ])
        for write in portal.breakGlass.appends {
            #expect(!write.events[0].requestParametersJson.contains("#"))
            #expect(write.events[0].actor.userName == "alice")
        }
    }

    @Test("a lost key is removed, and serves no more")
    func removesKey() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let request = PortalRemoveSecurityKeyRequest.with {
            $0.user = person.name
            $0.credentialID = Data(person.key.credentialID)
        }
        _ = try await client(portal).removeSecurityKey(request)
        #expect(try await person.signIn().status == .forbidden)
        #expect(portal.trail.events.last?.errorCode == "SECURITY_KEY_UNKNOWN")
        let error = await #expect(throws: RPCError.self) {
            try await client(portal).removeSecurityKey(request)
        }
        #expect(error?.reason == "SECURITY_KEY_NOT_FOUND")
    }

    @Test("grants are counted and reviewed, and a refused review is recorded")
    func grants() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        _ = try await person.session(minutes: 15)
        let open = try await client(portal).listBreakGlassGrants(.init())
        #expect((open.open, open.unreviewed) == (1, 0))
        let id = try #require(open.grants.first?.grantID)
        portal.now.addTimeInterval(900)
        let review = PortalReviewBreakGlassGrantRequest.with {
            $0.grantID = id
            $0.note = "As incident 4711 says"
        }
        let error = await #expect(throws: RPCError.self) {
            try await client(portal).reviewBreakGlassGrant(review)
        }
        #expect(error?.reason == "OWN_GRANT")
        #expect(portal.trail.events.last?.eventName == "ReviewBreakGlassGrant")
        #expect(portal.trail.events.last?.errorCode == "OWN_GRANT")
        let waiting = try await client(portal).listBreakGlassGrants(
            .with { $0.state = .unreviewed })
        #expect(waiting.grants.map(\.grantID) == [id])
        let done = try await client(portal, as: .operator(name: "bob")).reviewBreakGlassGrant(
            review)
        #expect(done.grant.review.note == "As incident 4711 says")
        #expect(portal.sessions.appends.last?.events.first?.actor.userName == "bob")
        let after = try await client(portal).listBreakGlassGrants(.init())
        #expect((after.open, after.unreviewed) == (0, 0))
    }
}
