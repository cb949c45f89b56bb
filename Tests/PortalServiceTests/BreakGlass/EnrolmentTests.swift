import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import ServiceKit
import SwiftProtobuf
import Testing
import WebAuthnTesting

@testable import PortalService

@Suite("Enrolment of security keys, and who is set up")
struct EnrolmentTests {
    private func code(_ person: EmergencyPerson) async throws -> String {
        let link = try await person.portal.features.breakGlass.enrol(
            person.name, issuedBy: "alice"
        ) { _ in .init() }
        #expect(link.url.hasPrefix("\(TestPortal.url)/break-glass/enrol#"))
        return try #require(link.url.split(separator: "#").last.map(String.init))
    }

    /// Opens a link and lets a key answer.
    private func enrol(
        _ key: SoftwareKey, _ code: String, _ person: EmergencyPerson
    ) async throws -> EmergencyPerson.Answer {
        person.portal.now.addTimeInterval(10)
        let page = try await person.post("/break-glass/enrol", ["code": code])
        guard page.status == .ok, let challenge = page.value(after: "data-challenge=\"") else {
            return page
        }
        let made = key.register(
            challenge: challenge, origin: TestPortal.url,
            rpID: try #require(page.value(after: "data-rp-id=\"")))
        return try await person.post(
            "/break-glass/enrol/key",
            [
                "handle": try #require(page.value(after: "name=\"handle\" value=\"")),
                "client_data": Base64URL.encode(made.clientDataJSON),
                "authenticator_data": Base64URL.encode(made.authenticatorData),
            ])
    }

    @Test("a link enrols one key, once, and only its hash is kept")
    func once() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let code = try await code(person)
        for write in portal.breakGlass.appends {
            for change in write.changes {
                #expect(change.value?.range(of: Data(code.utf8)) == nil)
            }
        }
        let second = SoftwareKey(credentialID: Array(1...64))
        let done = try await enrol(second, code, person)
        #expect(done.page.contains("number 2"))
        let event = try #require(portal.breakGlass.appends.last?.events.first)
        #expect(event.eventName == "RegisterSecurityKey")
        #expect(event.requestParametersJson.contains("\"enrolledBy\":\"alice\""))
        let again = try await enrol(SoftwareKey(credentialID: [5]), code, person)
        #expect(again.status == .forbidden)
        #expect(portal.trail.events.last?.errorCode == "ENROLMENT_CODE_UNKNOWN")
        let withSecond = EmergencyPerson(portal: portal, key: second, userID: "")
        #expect(try await withSecond.signIn().status == .seeOther)
    }

    @Test("a link is over after an hour, and made-up ones never begin")
    func expired() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let code = try await code(person)
        portal.now.addTimeInterval(3_590)
        for wrong in [code, "", "x", String(repeating: "A", count: 43)] {
            #expect(try await enrol(SoftwareKey(), wrong, person).status == .forbidden)
        }
    }

    @Test("a key without verification, a copied passkey and a known key are refused")
    func refused() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let code = try await code(person)
        let unverified = SoftwareKey(credentialID: [1])
        unverified.flags = 0x01
        let passkey = SoftwareKey(credentialID: [2])
        passkey.flags = 0x0D
        for (key, reason) in [
            (unverified, "USER_NOT_VERIFIED"), (passkey, "NOT_HARDWARE_BOUND"),
            (person.key, "SECURITY_KEY_KNOWN"),
        ] {
            #expect(try await enrol(key, code, person).status == .forbidden)
            #expect(portal.trail.events.last?.errorCode == reason)
        }
        // The code was not used up by that.
        #expect(try await enrol(SoftwareKey(credentialID: [3]), code, person).status == .ok)
    }

    @Test("outside the primary the page says where to go")
    func elsewhere() async throws {
        let portal = try TestPortal(isPrimary: false)
        let nobody = EmergencyPerson(portal: portal, key: SoftwareKey(), userID: "")
        let page = try await nobody.get("/break-glass/enrol")
        #expect(page.page.contains("\(TestPortal.primaryURL)/break-glass/enrol"))
        #expect(!page.page.contains("name=\"code\""))
    }

    @Test("without a domain in the configuration a key answers for what is above the portal's host")
    func defaultDomain() {
        #expect(KeyCeremony.parent(of: "eu-central-1.portolan.test") == "portolan.test")
        #expect(KeyCeremony.parent(of: "portolan.test") == "portolan.test")
        #expect(KeyCeremony.parent(of: "localhost") == "localhost")
        #expect(KeyCeremony.parent(of: "127.0.0.1") == "127.0.0.1")
    }

    @Test("names, roles, durations and numbers are limited")
    func limits() async throws {
        let portal = try TestPortal()
        let desk = portal.features.breakGlass
        func refusal(_ change: (inout PortalBreakGlassUser) -> Void) async -> String? {
            var user = PortalBreakGlassUser()
            user.name = "ada"
            user.roles = [
                .with {
                    $0.accountID = TestPortal.accountID
                    $0.permissionSetName = "Admin"
                }
            ]
            change(&user)
            do {
                _ = try await desk.create(user, enrolments: 0, issuedBy: "alice") { _ in .init() }
                return nil
            } catch {
                return (error as? RPCError)?.reason
            }
        }
        #expect(await refusal { $0.name = "" } == "NAME")
        #expect(await refusal { $0.name = "a/b" } == "NAME")
        #expect(await refusal { $0.roles = [] } == "ROLES")
        #expect(await refusal { $0.roles += $0.roles } == "ROLES")
        #expect(await refusal { $0.maxGrantSeconds = 14_401 } == "MAX_GRANT_SECONDS")
        #expect(await refusal { $0.displayName = "a\u{7}" } == "DISPLAY_NAME")
        #expect(await refusal { _ in } == nil)
        #expect(await refusal { $0.name = "ADA" } == "BREAK_GLASS_USER_EXISTS")
        for index in 1..<BreakGlassRules.usersMax {
            #expect(await refusal { $0.name = "user-\(index)" } == nil)
        }
        #expect(await refusal { $0.name = "one-too-many" } == "TOO_MANY_BREAK_GLASS_USERS")
    }

    @Test("links are made for an hour and four at most")
    func links() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        for _ in 0..<BreakGlassRules.enrolmentsMax { _ = try await code(person) }
        #expect(try portal.features.breakGlass.list().first?.openEnrolments == 4)
        let error = await #expect(throws: RPCError.self) { try await code(person) }
        #expect(error?.reason == "TOO_MANY_ENROLMENTS")
        portal.now.addTimeInterval(3_600)
        _ = try await code(person)
    }

    @Test("provisioning neither sees nor touches break-glass users")
    func provisioning() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        let token = try await portal.features.scimDesk.create(validDays: 1, events: []).secret
        let (writes, name) = (portal.breakGlass.appends.count, person.name)
        let headers: HTTPFields = [
            .authorization: "Bearer \(token)", .contentType: "application/scim+json",
        ]
        let id = person.userID.replacingOccurrences(of: "/", with: "%2F")
        let off =
            #"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"#
            + #""Operations":[{"op":"replace","path":"active","value":false}]}"#
        try await portal.run { client in
            try await client.execute(uri: "/scim/v2/Users", method: .get, headers: headers) {
                #expect($0.status == .ok)
                #expect(!String(buffer: $0.body).contains(name))
            }
            try await client.execute(
                uri: "/scim/v2/Users/\(id)", method: .delete, headers: headers
            ) { #expect($0.status == .notFound) }
            try await client.execute(
                uri: "/scim/v2/Users/\(id)", method: .patch, headers: headers,
                body: .init(string: off)
            ) { #expect($0.status == .notFound) }
        }
        #expect(portal.breakGlass.appends.count == writes)
        #expect(try await person.signIn().status == .seeOther)
    }

    @Test("an assertion of the identity provider does not open a break-glass user's session")
    func assertion() async throws {
        let portal = try TestPortal()
        let person = try await EmergencyPerson.prepared(portal)
        portal.gate.accept(person.name)
        let answer = try await person.post("/saml/acs", ["SAMLResponse": "x"])
        #expect(answer.status == .forbidden)
        #expect(answer.session == nil)
        #expect(portal.trail.events.last?.errorCode == "USER_NOT_FOUND")
    }
}
