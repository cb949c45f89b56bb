import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import ServiceKit
import Testing

@testable import PortalService

@Suite("Sign-in")
struct SignInTests {
    static let user = "alix@example.com"

    @Test("a deep link begins a sign-in that is tied to the browser")
    func begins() async throws {
        try await TestPortal().run { client in
            try await client.execute(uri: "/console/users?search=a", method: .get) { response in
                #expect(response.status == .seeOther)
                let location = try #require(response.headers[.location])
                #expect(location.hasPrefix("https://idp.example/sso?SAMLRequest="))
                #expect(!location.contains("console"))
                let cookie = try #require(response.headers[.setCookie])
                #expect(cookie.hasPrefix("__Host-portolan-sign-in="))
                #expect(cookie.contains("Secure; HttpOnly; SameSite=None"))
            }
        }
    }

    @Test("a provider with the POST binding gets a form that needs no script")
    func postBinding() async throws {
        try await TestPortal(binding: "POST").run { client in
            try await client.execute(uri: "/start", method: .get) { response in
                #expect(response.status == .ok)
                #expect(
                    String(buffer: response.body).contains("action=\"https://idp.example/sso\""))
                let policy = try #require(response.headers[.contentSecurityPolicy])
                #expect(policy.contains("form-action 'self' https://idp.example;"))
            }
        }
    }

    @Test("a good assertion gives a session and the page that was asked for")
    func succeeds() async throws {
        let portal = try TestPortal()
        portal.gate.accept(Self.user)
        try await portal.run { client in
            let begun = try await begin(client, "/start?search=prod")
            try await post(client, relayState: begun.relayState, cookie: begun.cookie) { response in
                #expect(response.status == .seeOther)
                #expect(response.headers[.location] == "/start?search=prod")
                let cookie = try #require(response.headers[.setCookie])
                #expect(cookie.hasPrefix("__Host-portolan-session="))
                #expect(cookie.hasSuffix("Path=/; Max-Age=28800; Secure; HttpOnly; SameSite=Lax"))
            }
        }
        #expect(portal.gate.posted.first?.expectedRequestID != nil)
        #expect(portal.gate.posted.first?.acsURL == TestPortal.url + "/saml/acs")
        let append = try #require(portal.sessions.appends.first)
        #expect(append.changes.count == 2)
        #expect(
            append.events.map(\.eventName) == [
                "CredentialChallenge", "UserAuthentication", "Authenticate",
            ])
        #expect(append.events.allSatisfy { $0.actor.onBehalfOfUserID == TestPortal.userID })
    }

    @Test("another browser's RelayState does not count as its sign-in")
    func otherBrowser() async throws {
        let portal = try TestPortal()
        portal.gate.accept(Self.user)
        try await portal.run { client in
            let begun = try await begin(client, "/console/settings")
            try await post(client, relayState: begun.relayState, cookie: nil) { response in
                #expect(response.headers[.location] == "/start")
            }
        }
        #expect(portal.gate.posted.first?.expectedRequestID == nil)
    }

    @Test("RelayState is never followed")
    func relayState() async throws {
        let portal = try TestPortal()
        portal.gate.accept(Self.user)
        try await portal.run { client in
            try await post(client, relayState: "https://evil.example", cookie: nil) { response in
                #expect(response.headers[.location] == "/start")
            }
        }
    }

    @Test("a refused assertion is a page with a reference and two events")
    func refused() async throws {
        let portal = try TestPortal()
        try await portal.run { client in
            try await post(client, relayState: "", cookie: nil) { response in
                #expect(response.status == .forbidden)
                #expect(response.headers[.setCookie] == nil)
                #expect(String(buffer: response.body).contains("SAML_NOT_SIGNED"))
            }
        }
        #expect(portal.trail.names == ["ExternalIdPDirectoryLogin", "UserAuthentication"])
        #expect(portal.trail.events.allSatisfy { $0.errorCode == "SAML_NOT_SIGNED" })
    }

    @Test(
        "a name that is not exactly a user's is refused",
        arguments: ["nobody@example.com", "ALIX@example.com"])
    func unknownUser(name: String) async throws {
        let portal = try TestPortal()
        portal.gate.accept(name)
        try await portal.run { client in
            try await post(client, relayState: "", cookie: nil) { response in
                #expect(response.status == .forbidden)
                #expect(response.headers[.setCookie] == nil)
            }
        }
        #expect(portal.sessions.appends.isEmpty)
        #expect(portal.trail.events.map(\.errorCode) == ["USER_NOT_FOUND"])
    }

    @Test("a disabled user is refused")
    func disabledUser() async throws {
        let portal = try TestPortal()
        portal.directory.setEnabled(TestPortal.userID, false)
        portal.gate.accept(Self.user)
        try await portal.run { client in
            try await post(client, relayState: "", cookie: nil) { response in
                #expect(response.status == .forbidden)
            }
        }
        #expect(portal.trail.events.map(\.errorCode) == ["USER_DISABLED"])
    }

    @Test("an assertion works once")
    func replay() async throws {
        let portal = try TestPortal()
        portal.gate.accept(Self.user)
        try await portal.run { client in
            try await post(client, relayState: "", cookie: nil) { response in
                #expect(response.status == .seeOther)
            }
            try await post(client, relayState: "", cookie: nil) { response in
                #expect(response.status == .forbidden)
                #expect(response.headers[.setCookie] == nil)
            }
        }
        #expect(portal.sessions.appends.count == 1)
        #expect(portal.trail.events.first?.errorCode == "ASSERTION_REPLAYED")
    }

    @Test("no session without its record and events on disk")
    func appendFails() async throws {
        let portal = try TestPortal()
        portal.gate.accept(Self.user)
        portal.sessions.fail(
            with: RPCError(.resourceExhausted, reason: "STORAGE_FULL", message: "full"))
        try await portal.run { client in
            try await post(client, relayState: "", cookie: nil) { response in
                #expect(response.headers[.setCookie] == nil)
                #expect(response.status != .seeOther)
            }
        }
    }

    @Test("the identity provider can shorten the session")
    func sessionLimit() async throws {
        let portal = try TestPortal()
        portal.gate.accept(Self.user, until: portal.now.addingTimeInterval(600))
        try await portal.run { client in
            try await post(client, relayState: "", cookie: nil) { response in
                #expect(response.headers[.setCookie]?.contains("Max-Age=600;") == true)
            }
        }
    }

    @Test("a sign-in that is too old is forgotten")
    func pendingExpires() throws {
        let pending = PendingSignIns()
        let start = Date(timeIntervalSince1970: 1_790_000_000)
        let begun = try pending.begin(returnPath: .start, browserSecret: "s", now: start)
        let late = start.addingTimeInterval(PendingSignIns.lifetime)
        #expect(pending.find(handle: begun.handle, browserSecret: "s", now: late) == nil)
        #expect(pending.find(handle: begun.handle, browserSecret: "t", now: start) == nil)
        #expect(pending.find(handle: begun.handle, browserSecret: "s", now: start) != nil)
    }

    @Test("strangers' refusals fill the trail at a bounded rate; those above it are counted")
    func refusalBudget() {
        let limits = LimitCounts()
        let budget = RequestBudget.ofRefusals(limits)
        let start = Date(timeIntervalSince1970: 1_790_000_000)
        #expect((0..<1_000).filter { _ in budget.take(now: start) }.count == 100)
        #expect(budget.take(now: start.addingTimeInterval(1)))
        #expect(limits[.recordedRefusals] == 900)
        let sample = limits.figure.samples.first {
            $0.labels.contains { $0 == ("limit", "recorded-refusals") }
        }
        #expect(sample?.value == 900)
    }

    private func begin(
        _ client: any TestClientProtocol, _ path: String
    ) async throws -> (relayState: String, cookie: String) {
        try await client.execute(uri: path, method: .get) { response in
            let location = try #require(response.headers[.location])
            let relayState = try #require(location.split(separator: "RelayState=").last)
            let cookie = try #require(response.headers[.setCookie]?.split(separator: ";").first)
            return (String(relayState), String(cookie))
        }
    }

    private func post(
        _ client: any TestClientProtocol, relayState: String, cookie: String?,
        _ check: @escaping (TestResponse) throws -> Void
    ) async throws {
        var headers: HTTPFields = [
            .contentType: "application/x-www-form-urlencoded", .origin: "https://idp.example",
        ]
        if let cookie { headers[.cookie] = cookie }
        try await client.execute(
            uri: "/saml/acs", method: .post, headers: headers,
            body: TestPortal.form(["SAMLResponse": "PHg+", "RelayState": relayState]),
            testCallback: check)
    }
}
