import Contracts
import Foundation
import HTTPTypes
import RPC
import Synchronization
import Testing

@testable import PortalService

@Suite("Changes by operations on attributes")
struct IdentityUpdateTests {
    private static let user = #""UserId": "\#(TestPortal.userID)""#

    private func update(
        _ portal: TestPortal, _ operations: [(String, String)], _ more: String = ""
    ) async throws -> AWSAnswer {
        let list = operations.map {
            #"{"AttributePath": "\#($0.0)", "AttributeValue": \#($0.1)}"#
        }
        return try await portal.identity(
            "UpdateUser",
            "\(Self.user), \"Operations\": [\(list.joined(separator: ", "))]\(more)")
    }

    private func present(_ portal: TestPortal) throws -> DirectoryUser {
        try #require(portal.directory.content.withLock { $0.users[TestPortal.userID] })
    }

    @Test(
        "operations that do not fit are refused, and those before them are not done either",
        arguments: [
            ("shoeSize", "1"), ("emails[0].value", #""a@b""#), ("emails.value", #""a@b""#),
            ("userName", "null"), ("displayName", "null"), ("name", "null"),
            ("name.familyName", "null"), ("name", #"{"givenName": "x"}"#), ("title", "\"\""),
            ("emails", "[]"), ("externalIds", "[]"), ("userStatus", #""ASLEEP""#), ("", "1"),
        ])
    func allOrNothing(path: String, value: String) async throws {
        let portal = try TestPortal()
        let before = try present(portal)
        let answer = try await update(portal, [("title", #""Chief""#), (path, value)])
        #expect(answer.type == "ValidationException")
        #expect(try present(portal) == before)
    }

    @Test("one to a hundred operations are taken")
    func counts() async throws {
        let portal = try TestPortal()
        #expect(try await update(portal, []).type == "ValidationException")
        let many = (0...100).map { ("title", "\"\($0)\"") }
        #expect(try await update(portal, many).type == "ValidationException")
        #expect(try await update(portal, Array(many.dropLast())).status == .ok)
        #expect(try present(portal).title == "99")
    }

    @Test("attributes are set, replaced whole and removed, in one write")
    func changes() async throws {
        let portal = try TestPortal()
        let answer = try await update(
            portal,
            [
                ("title", #""Chief""#), ("name.middleName", #""Q""#),
                ("emails", #"[{"value": "a@b.example", "type": "work", "primary": true}]"#),
                ("addresses", #"[{"streetAddress": "Way 1", "PostalCode": "1"}]"#),
                ("aws:identitystore:enterprise.department", #""Flight""#),
                ("aws:identitystore:enterprise.manager", #"{"value": "m-1"}"#),
                ("userStatus", #""DISABLED""#),
            ])
        #expect(answer.object["Revision"] as? String == "2")
        var user = try present(portal)
        #expect(user.title == "Chief" && user.name.middleName == "Q" && !user.enabled)
        #expect(user.name.givenName == "Alix")
        #expect(user.emails.map(\.value) == ["a@b.example"] && user.emails[0].primary)
        #expect(user.addresses[0].postalCode == "1")
        #expect(user.enterprise.department == "Flight" && user.enterprise.managerUserID == "m-1")
        _ = try await update(
            portal,
            [
                ("title", "null"), ("emails", "null"), ("userStatus", #""ENABLED""#),
                ("name", #"{"givenName": "Al", "familyName": "Ix"}"#),
                ("aws:identitystore:enterprise", "null"),
            ])
        user = try present(portal)
        #expect(user.title.isEmpty && user.emails.isEmpty && user.enabled && !user.hasEnterprise)
        #expect(user.name.givenName == "Al" && user.name.middleName.isEmpty)
        #expect(user.addresses.count == 1)
    }

    @Test("an operation without a value removes, as null does")
    func noValue() async throws {
        let portal = try TestPortal()
        _ = try await update(portal, [("nickName", #""Al""#)])
        let answer = try await portal.identity(
            "UpdateUser", #"\#(Self.user), "Operations": [{"AttributePath": "nickName"}]"#)
        #expect(answer.status == .ok)
        #expect(try present(portal).nickName.isEmpty)
    }

    @Test("a change is tried again when somebody else was quicker, but not for ever")
    func concurrency() async throws {
        let portal = try TestPortal()
        portal.directory.content.withLock { $0.updatesRefused = 15 }
        #expect(try await update(portal, [("title", #""One""#)]).status == .ok)
        portal.directory.content.withLock { $0.updatesRefused = 16 }
        let answer = try await update(portal, [("title", #""Two""#)])
        #expect(answer.type == "ConflictException")
        #expect(answer.object["Reason"] as? String == "CONCURRENT_MODIFICATION")
        #expect(try present(portal).title == "One")
    }

    @Test("a revision that is not the present one is a conflict")
    func revision() async throws {
        let portal = try TestPortal()
        let first = try await update(portal, [("title", #""One""#)], #", "Revision": "1""#)
        #expect(first.object["Revision"] as? String == "2")
        let stale = try await update(portal, [("title", #""Two""#)], #", "Revision": "1""#)
        #expect(stale.type == "ConflictException")
        #expect(try present(portal).title == "One")
    }

    @Test("a person who is not there is named")
    func missing() async throws {
        let portal = try TestPortal()
        let answer = try await portal.identity(
            "UpdateUser",
            #""UserId": "\#(TestPortal.administrators)", "Operations": [{"AttributePath": "title"}]"#
        )
        #expect(answer.type == "ResourceNotFoundException")
        #expect(answer.object["ResourceType"] as? String == "USER")
        #expect(answer.object["ResourceId"] as? String == TestPortal.administrators)
    }
}
