import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import PortalService

@Suite("Console")
struct ConsoleTests {
    static let pages = [
        "/console/settings", "/console/sign-in-urls", "/console/regions/add",
        "/console/regions/eu-west-1", "/console/regions/us-east-1/remove", "/console/users",
        "/console/sessions", "/console/trail", "/console/provisioning", "/console/applications",
        "/console/applications/new",
    ]

    @Test("it is closed to everybody else", arguments: pages)
    func notAdministrator(path: String) async throws {
        let page = try await get(try TestPortal(isAdministrator: false), path)
        #expect(page.status == .forbidden)
        #expect(page.text.contains("for administrators"))
    }

    @Test("it is closed to everybody while no group is named")
    func noGroup() async throws {
        let portal = try TestPortal()
        var answer = TestPortal.instance(isPrimary: true, binding: "Redirect")
        answer.instance.administratorGroupID = ""
        portal.instance.set(answer)
        #expect(try await get(portal, "/console/settings").status == .forbidden)
    }

    @Test("every page opens for an administrator", arguments: pages)
    func opens(path: String) async throws {
        let page = try await get(try TestPortal(), path)
        #expect(page.status == .ok)
        #expect(!page.text.contains("Read-only here"))
        #expect(!page.text.contains("{{"))
        #expect(!page.text.contains("Optional("))
    }

    @Test("settings show key, source and Regions with lag")
    func settings() async throws {
        let page = try await get(try TestPortal(), "/console/settings")
        for text in [
            "Yes, multi-Region", "External identity provider", "12 ms", "Add Region", "us-east-1",
            "ssoins-0123456789abcdef",
        ] { #expect(page.text.contains(text)) }
    }

    @Test("settings warn of a key that is disabled or has another policy elsewhere")
    func keyDrift() async throws {
        let page = try await get(try TestPortal(), "/console/settings")
        for text in [
            "The key is not enabled in us-east-1.",
            "The key policy in us-east-1 differs from the one in this Region.",
        ] { #expect(page.text.contains(text)) }
    }

    @Test("Add Region says what is missing and how to mend it")
    func problems() async throws {
        let page = try await get(try TestPortal(), "/console/regions/add")
        #expect(page.text.contains("KEY_REPLICA_MISSING"))
        #expect(page.text.contains("portolan key replicate mrk-1 --to eu-west-1"))
        #expect(page.text.contains("disabled>Add eu-west-1"))
    }

    @Test("a refused Add Region names every problem")
    func refusedAdd() async throws {
        let portal = try TestPortal()
        let page = try await post(portal, "/console/regions/add", ["region": "eu-west-1"])
        #expect(page.text.contains("eu-west-1 was not added"))
        #expect(page.text.contains("no replica in eu-west-1"))
        #expect(portal.addedRegions == ["eu-west-1"])
    }

    @Test("progress refreshes by itself")
    func progress() async throws {
        let page = try await get(try TestPortal(), "/console/regions/eu-west-1")
        #expect(page.text.contains("http-equiv=\"refresh\" content=\"2\""))
        #expect(page.text.contains("10,000 of 40,000 (25 %)"))
    }

    @Test("Remove Region wants the name typed")
    func removal() async throws {
        let page = try await post(
            try TestPortal(), "/console/regions/us-east-1/remove", ["confirm": "yes"])
        #expect(page.text.contains("That is not the name of the Region"))
    }

    @Test("in an additional Region settings can be read, naming the primary")
    func readOnly() async throws {
        let page = try await get(try TestPortal(isPrimary: false), "/console/settings")
        #expect(page.status == .ok)
        #expect(page.text.contains("Read-only here"))
        #expect(page.text.contains("\(TestPortal.primaryURL)/console/settings"))
        #expect(!page.text.contains("href=\"/console/regions/add\""))
    }

    @Test(
        "in an additional Region no setting can be changed",
        arguments: [
            "/console/regions/add", "/console/regions/us-east-1/remove",
            "/console/provisioning/create", "/console/provisioning/delete",
        ])
    func noWrites(path: String) async throws {
        let portal = try TestPortal(isPrimary: false)
        let page = try await post(portal, path, ["region": "eu-west-1", "confirm": "us-east-1"])
        #expect(page.status == .conflict)
        #expect(page.text.contains("us-east-1"))
        #expect(portal.addedRegions.isEmpty)
        #expect(portal.scimTokens.appends.isEmpty)
    }

    @Test("sessions can be ended in an additional Region")
    func revoke() async throws {
        let portal = try TestPortal(isPrimary: false)
        let id = "11111111-2222-4333-8444-555555555555"
        let victim = try await portal.sessionToken(id: id)
        let page = try await post(portal, "/console/sessions/revoke", ["session": id])
        #expect(page.text.contains("The session of alix@example.com has ended"))
        #expect(try await portal.features.authenticator.person(token: victim) == nil)
        #expect(portal.sessions.appends.last?.events.map(\.eventName) == ["BatchDeleteSession"])
    }

    @Test("an additional Region creates applications of its own")
    func createApplication() async throws {
        let portal = try TestPortal(isPrimary: false)
        let path = "/console/applications/new"
        let made = try await post(
            portal, path, ["name": "CRM", "start_url": "https://crm.example"])
        #expect(made.status == .seeOther)
        let refused = try await post(portal, path, ["name": ""])
        #expect(refused.text.contains("The application needs a name."))
        let list = try await get(portal, "/console/applications")
        #expect(list.text.contains("https://wiki.example"))
        #expect(!list.text.contains("/console/applications/delete"))
    }

    @Test("a SCIM token is shown once")
    func scimToken() async throws {
        let portal = try TestPortal()
        let page = try await post(portal, "/console/provisioning/create", [:])
        #expect(page.text.contains("Copy this token now"))
        #expect(portal.scimTokens.appends.first?.events.map(\.eventName) == ["CreateBearerToken"])
        #expect(!(try await get(portal, "/console/provisioning").text.contains("Copy this token")))
    }

    private struct Page {
        let status: HTTPResponse.Status
        let text: String
    }

    private func get(_ portal: TestPortal, _ path: String) async throws -> Page {
        let token = try await portal.sessionToken()
        let application = Application(router: portal.features.router())
        return try await application.test(.router) { client in
            try await client.execute(uri: path, method: .get, headers: TestPortal.cookie(token)) {
                Page(status: $0.status, text: String(buffer: $0.body))
            }
        }
    }

    private func post(
        _ portal: TestPortal, _ path: String, _ fields: [String: String]
    ) async throws -> Page {
        let token = try await portal.sessionToken()
        let application = Application(router: portal.features.router())
        return try await application.test(.router) { client in
            try await client.execute(
                uri: path, method: .post, headers: TestPortal.formHeaders(token),
                body: TestPortal.form(fields, csrf: token)
            ) { Page(status: $0.status, text: String(buffer: $0.body)) }
        }
    }
}
