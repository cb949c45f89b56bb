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

@Suite("Emergency sign-in")
struct EmergencySignInTests {
    @Test("what is refused looks the same whatever the reason, which is in the trail")
    func refusals() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        var stranger = person
        stranger.name = "nobody.here"
        var elsewhere = person
        elsewhere.origin = "https://evil.portolan.test:8443"
        var otherDomain = person
        otherDomain.rpID = "evil.test"
        let foreign = EmergencyPerson(
            portal: portal, key: SoftwareKey(credentialID: [1, 2, 3]), userID: "")
        let copied = EmergencyPerson(portal: portal, key: SoftwareKey(), userID: "")
        let refused = [
            ("BREAK_GLASS_USER_NOT_FOUND", stranger), ("WRONG_ORIGIN", elsewhere),
            ("WRONG_RELYING_PARTY", otherDomain), ("SECURITY_KEY_UNKNOWN", foreign),
            ("WRONG_SIGNATURE", copied),
        ]
        for (code, someone) in refused {
            portal.now.addTimeInterval(60)
            let answer = try await someone.signIn()
            #expect(answer.status == .forbidden)
            #expect(answer.page.contains("Emergency access was refused"))
            #expect(answer.session == nil)
            #expect(!answer.page.contains(code))
            let event = try #require(portal.trail.events.last)
            #expect(event.eventName == "BreakGlassAuthentication")
            #expect(event.errorCode == code)
        }
        // What was typed as a name that nobody has may be a password.
        #expect(
            !portal.trail.events.contains { $0.additionalEventDataJson.contains("nobody.here") })
        #expect(try portal.features.grants.list().isEmpty)
    }

    @Test("without PIN or fingerprint nobody gets in")
    func notVerified() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        person.key.flags = 0x01
        #expect(try await person.signIn().status == .forbidden)
        #expect(portal.trail.events.last?.errorCode == "USER_NOT_VERIFIED")
    }

    @Test("a disabled user is refused as an unknown one is")
    func disabled() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        _ = try await portal.features.breakGlass.update(person.name, event: { _ in .init() }) {
            $0.user.enabled = false
        }
        let answer = try await person.signIn()
        #expect(answer.status == .forbidden)
        #expect(portal.trail.events.last?.errorCode == "BREAK_GLASS_USER_DISABLED")
    }

    @Test("a challenge serves once, in the browser that asked, for two minutes")
    func challenges() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let used = try person.fields(try await person.ask())
        #expect(try await person.post("/break-glass/open", used).status == .seeOther)
        #expect(try await person.post("/break-glass/open", used).page.contains("took too long"))
        let late = try person.fields(try await person.ask())
        portal.now.addTimeInterval(120)
        #expect(try await person.post("/break-glass/open", late).status == .forbidden)
        let other = try person.fields(try await person.ask())
        let headers = EmergencyPerson.headers(secret: String(repeating: "cd", count: 32))
        #expect(
            try await person.post("/break-glass/open", other, headers: headers).status == .forbidden
        )
        #expect(try await person.post("/break-glass/open", other).status == .forbidden)
        #expect(portal.trail.events.map(\.errorCode).allSatisfy { $0 == "CHALLENGE_EXPIRED" })
        #expect(try portal.features.grants.list().count == 1)
    }

    @Test("forms of other sites are refused")
    func crossSite() async throws {
        let person = try await EmergencyPerson.prepared(try TestPortal())
        let headers = EmergencyPerson.headers(origin: "https://evil.example")
        for path in ["/break-glass", "/break-glass/open", "/break-glass/enrol"] {
            let answer = try await person.post(path, ["user": person.name], headers: headers)
            #expect(answer.page.contains("not sent from this portal"))
        }
    }

    @Test("a counter that another Region has seen higher is refused")
    func counter() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        var seen = PortalSignCountRecord()
        seen.count = 40
        let change = RecordChange(
            key: GrantState.signCountKey(Data(person.key.credentialID), region: "us-east-1"),
            value: try seen.serializedBytes())
        _ = try await portal.sessions.write { _ in RecordWrite(changes: [change], events: []) }
        #expect(try await person.signIn().status == .forbidden)
        #expect(portal.trail.events.last?.errorCode == "COUNTER_REGRESSION")
        person.key.count = 40
        #expect(try await person.signIn().status == .seeOther)
        person.key.count = 30
        #expect(try await person.signIn().status == .forbidden)
    }

    @Test("names that nobody has get credentials that look alike and stay the same")
    func decoys() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        var stranger = person
        stranger.name = "nobody.here"
        func credentials(_ someone: EmergencyPerson) async throws -> String {
            let page = try await someone.ask()
            #expect(page.status == .ok)
            return try #require(page.value(after: "data-credentials=\""))
        }
        let known = try await credentials(person)
        let unknown = try await credentials(stranger)
        #expect(unknown != known)
        #expect(unknown.count == known.count)
        #expect(try await credentials(stranger) == unknown)
        var another = stranger
        another.name = "somebody.else"
        #expect(try await credentials(another) != unknown)
    }

    @Test(
        "a reason that says nothing and an invented duration are refused",
        arguments: [
            ("short", "60"), (String(repeating: "x", count: 501), "60"), ("", "60"),
            ("The identity provider is down", "600"), ("The identity provider is down", ""),
        ])
    func wishes(reason: String, minutes: String) async throws {
        let person = try await EmergencyPerson.prepared(try TestPortal())
        let answer = try await person.post(
            "/break-glass", ["user": person.name, "reason": reason, "minutes": minutes])
        #expect(answer.status == .badRequest)
        #expect(answer.page.contains("role=\"alert\""))
        #expect(!answer.page.contains("data-challenge"))
    }

    @Test("somebody with the key gets in, for as long as they may, and all of it is recorded")
    func opens() async throws {
        let portal = try TestPortal(isPrimary: false)
        let person = try await EmergencyPerson.prepared(portal, maxSeconds: 3_600)
        let page = try await person.ask(minutes: 240)
        #expect(page.page.contains("<script src=\"/assets/security-key.js\" defer>"))
        #expect(page.headers[.contentSecurityPolicy]?.contains("script-src 'self'") == true)
        let answer = try await person.post("/break-glass/open", try person.fields(page))
        #expect(answer.status == .seeOther)
        #expect(answer.headers[.location] == "/start")
        let cookie = answer.headers[values: .setCookie].first { $0.contains("portolan-session") }
        #expect(cookie?.contains("Max-Age=3600; Secure; HttpOnly") == true)
        let grant = try person.grant()
        #expect(grant.state == .open)
        #expect(grant.reason == "The identity provider is down")
        #expect(grant.expiresAtUs - grant.openedAtUs == 3_600_000_000)
        #expect(grant.excludedReviewers == ["ada.breakglass", "alice"])
        let append = try #require(portal.sessions.appends.last)
        #expect(append.changes.count == 3)
        #expect(
            append.events.map(\.eventName) == ["BreakGlassAuthentication", "OpenBreakGlassGrant"])
        let request = append.events[1].requestParametersJson
        #expect(request.contains("\"askedSeconds\":14400"))
        #expect(request.contains("\"durationSeconds\":3600"))
        #expect(append.events[0].actor.type == "BreakGlassUser")
        #expect(append.events[0].actor.credentialID == grant.grantID)
    }

    @Test("when it cannot be recorded, nobody gets in")
    func unrecorded() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let fields = try person.fields(try await person.ask())
        portal.sessions.fail(
            with: RPCError(.unavailable, reason: "STORAGE_FULL", message: "no room"))
        let answer = try await person.post("/break-glass/open", fields)
        #expect(answer.status == .serviceUnavailable)
        #expect(answer.session == nil)
    }

    @Test("failures in one name are limited; who has the key gets in all the same")
    func limited() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let attacker = EmergencyPerson(portal: portal, key: SoftwareKey(), userID: "")
        var statuses: [HTTPResponse.Status] = []
        for _ in 0..<8 { statuses.append(try await attacker.signIn(waiting: 0).status) }
        #expect(statuses.prefix(5).allSatisfy { $0 == .forbidden })
        #expect(statuses.dropFirst(5).allSatisfy { $0 == .tooManyRequests })
        #expect(try await person.signIn().status == .seeOther)
    }

    @Test("one address does not ask without end")
    func addressLimited() async throws {
        let person = try await EmergencyPerson.prepared(try TestPortal())
        var last = HTTPResponse.Status.ok
        for _ in 0..<30 {
            last = try await person.post(
                "/break-glass",
                ["user": person.name, "reason": "The provider is down", "minutes": "60"]
            ).status
        }
        #expect(last == .tooManyRequests)
    }

    @Test("the entry is shown to who comes back without having been signed in, if it can be used")
    func entry() async throws {
        let portal = try TestPortal()
        func start(_ cookie: String?) async throws -> (HTTPResponse.Status, String, String) {
            let seen = SharedValue<(HTTPResponse.Status, String, String)?>(nil)
            try await portal.run { client in
                try await client.execute(
                    uri: "/start", method: .get, headers: cookie.map { [.cookie: $0] } ?? [:]
                ) { response in
                    let set = response.headers[.setCookie]?.split(separator: ";").first ?? ""
                    seen.value = (response.status, String(set), String(buffer: response.body))
                }
            }
            return try #require(seen.value)
        }
        let cookie = try await start(nil).1
        portal.now.addTimeInterval(30)
        #expect(try await start(cookie).0 == .seeOther)
        let person = try await EmergencyPerson.prepared(portal)
        #expect(try await start(cookie).0 == .seeOther)
        portal.now.addTimeInterval(30)
        let again = try await start(cookie)
        #expect(again.0 == .ok)
        #expect(again.2.contains("href=\"/break-glass\""))
        #expect(again.2.contains("href=\"/sign-in?return=%2Fstart\""))
        #expect(try await person.get("/break-glass").status == .ok)
        portal.now.addTimeInterval(600)
        #expect(try await start(cookie).0 == .seeOther)
    }

    @Test("a provider whose answers are refused leaves the other way in")
    func refusedAssertion() async throws {
        let portal = try TestPortal()
        let nobody = EmergencyPerson(portal: portal, key: SoftwareKey(), userID: "")
        let link = "href=\"/break-glass\""
        #expect(try await !nobody.post("/saml/acs", ["SAMLResponse": "x"]).page.contains(link))
        _ = try await EmergencyPerson.prepared(portal)
        #expect(try await nobody.post("/saml/acs", ["SAMLResponse": "x"]).page.contains(link))
        let byForm = try TestPortal(binding: "POST")
        let person = try await EmergencyPerson.prepared(byForm)
        #expect(try await person.get("/start").page.contains(link))
        portal.gate.accept("somebody.else@example.com")
        #expect(try await !nobody.post("/saml/acs", ["SAMLResponse": "x"]).page.contains(link))
    }

    @Test("without anybody set up there is no such page")
    func notOffered() async throws {
        let portal = try TestPortal()
        let nobody = EmergencyPerson(portal: portal, key: SoftwareKey(), userID: "")
        #expect(try await nobody.get("/break-glass").status == .notFound)
        #expect(try await nobody.ask().status == .notFound)
    }
}
