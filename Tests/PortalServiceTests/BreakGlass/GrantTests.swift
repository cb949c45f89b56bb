import Contracts
import Foundation
import HTTPTypes
import Logging
import RPC
import Testing

@testable import PortalService

@Suite("Emergency grants and their review")
struct GrantTests {
    private func ended(_ portal: TestPortal, operatorName: String = "") async throws
        -> PortalBreakGlassGrant
    {
        let person = try await EmergencyPerson.prepared(portal, operatorName: operatorName)
        _ = try await person.session(minutes: 15)
        portal.now.addTimeInterval(900)
        return try person.grant()
    }

    private func refusal(
        _ portal: TestPortal, _ id: String, by reviewer: String, note: String = "seen"
    ) async -> String? {
        do {
            _ = try await portal.features.grants.review(
                id, note: note, by: reviewer, event: { _ in .init() })
            return nil
        } catch {
            return (error as? RPCError)?.reason
        }
    }

    private func watch(_ portal: TestPortal) -> GrantWatch {
        GrantWatch(
            desk: portal.features.grants, breakGlass: portal.breakGlass,
            instance: portal.instance, logger: Logger(label: "test"))
    }

    @Test("neither the person nor who enrolled the key reviews it")
    func ownGrant() async throws {
        let portal = try TestPortal()
        let grant = try await ended(portal, operatorName: "ada")
        for reviewer in ["ada", "ADA", "ada.breakglass", "alice", ""] {
            #expect(await refusal(portal, grant.grantID, by: reviewer) == "OWN_GRANT")
        }
        #expect(await refusal(portal, grant.grantID, by: "bob") == nil)
        let reviewed = try portal.features.grants.grant(grant.grantID)
        #expect(reviewed.state == .reviewed)
        #expect(reviewed.review.reviewedBy == "bob")
        #expect(reviewed.review.note == "seen")
    }

    @Test("an open grant, a reviewed one and an unknown one are not reviewed")
    func states() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        _ = try await person.session(minutes: 15)
        let id = try person.grant().grantID
        #expect(await refusal(portal, id, by: "bob") == "GRANT_OPEN")
        #expect(await refusal(portal, "nothing", by: "bob") == "GRANT_NOT_FOUND")
        portal.now.addTimeInterval(900)
        #expect(await refusal(portal, id, by: "bob", note: "") == "NOTE")
        #expect(await refusal(portal, id, by: "bob") == nil)
        #expect(await refusal(portal, id, by: "carol") == "GRANT_REVIEWED")
    }

    @Test("the alarm lasts from the opening to the review")
    func alarm() async throws {
        let portal = try TestPortal()
        #expect(portal.features.grants.alarm == nil)
        let person = try await EmergencyPerson.prepared(portal)
        _ = try await person.session(minutes: 15)
        #expect(portal.features.grants.alarm == "1 emergency grant is open.")
        portal.now.addTimeInterval(900)
        let waiting = "1 ended emergency grant waits for review."
        #expect(portal.features.grants.alarm == waiting)
        let token = try await portal.sessionToken()
        #expect(try await person.get("/console/users", session: token).page.contains(waiting))
        let console = try await person.get("/console/break-glass", session: token).page
        #expect(console.contains("The identity provider is down"))
        #expect(console.contains("Admin in \(TestPortal.accountID)"))
        #expect(await refusal(portal, try person.grant().grantID, by: "bob") == nil)
        #expect(portal.features.grants.alarm == nil)
    }

    @Test("the end of a grant is written down once, with what ended it")
    func closes() async throws {
        let portal = try TestPortal()
        let grant = try await ended(portal)
        try await watch(portal).look()
        let appends = portal.sessions.appends.count
        let event = try #require(portal.sessions.appends.last?.events.first)
        #expect(event.eventName == "EndBreakGlassGrant")
        #expect(event.requestParametersJson.contains("\"cause\":\"expired\""))
        try await watch(portal).look()
        #expect(portal.sessions.appends.count == appends)
        let stored = try portal.sessions.read { $0.grants.all[grant.grantID] }
        #expect(stored?.endedAtUs == grant.expiresAtUs)
    }

    @Test("the grant of a disabled user is revoked for good")
    func disabledUser() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let session = try await person.session()
        let desk = portal.features.breakGlass
        _ = try await desk.update(person.name, event: { _ in .init() }) { $0.user.enabled = false }
        try await watch(portal).look()
        #expect(try person.grant().endCause == "user-disabled")
        _ = try await desk.update(person.name, event: { _ in .init() }) { $0.user.enabled = true }
        #expect(try await person.get("/start", session: session).status == .seeOther)
    }

    @Test("an open grant can be revoked, an ended one cannot")
    func revokes() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let session = try await person.session()
        let id = try person.grant().grantID
        _ = try await portal.features.grants.revoke(id) { _ in .init() }
        #expect(try await person.get("/start", session: session).status == .seeOther)
        let error = await #expect(throws: RPCError.self) {
            try await portal.features.grants.revoke(id) { _ in .init() }
        }
        #expect(error?.reason == "GRANT_OVER")
    }

    @Test("what nobody has reviewed is never swept; what was reviewed goes after its time")
    func swept() async throws {
        let portal = try TestPortal()
        let grant = try await ended(portal)
        let key = GrantState.recordKey(grant.grantID)
        let year: Int64 = 365 * 86_400 * 1_000_000
        let start = portal.now.microseconds
        #expect(try !portal.sessions.read { $0.isOver(key, now: start + year) })
        #expect(await refusal(portal, grant.grantID, by: "bob") == nil)
        let review = GrantState.reviewKey(grant.grantID)
        let kept = GrantState.keptAfterReview
        #expect(try !portal.sessions.read { $0.isOver(key, now: start + kept) })
        #expect(try portal.sessions.read { $0.isOver(key, now: start + kept + 1) })
        #expect(try !portal.sessions.read { $0.isOver(review, now: start + year) })
    }
}
