import Contracts
import Foundation
import HTTPTypes
import RPC
import SwiftProtobuf
import Synchronization
import Testing

@testable import PortalService

@Suite("Users by the Identity Store API")
struct IdentityWriteTests {
    static let person =
        #""UserName": "kim@example.com", "DisplayName": "Kim Roe", "#
        + #""Name": {"GivenName": "Kim", "FamilyName": "Roe"}"#

    @Test("an auditor changes nothing; the refusal is recorded")
    func auditor() async throws {
        let portal = try TestPortal()
        let answer = try await portal.identity("CreateUser", Self.person, as: "ada")
        #expect(answer.type == "AccessDeniedException")
        #expect(portal.directory.content.withLock { $0.users.count } == 1)
        #expect(portal.trail.events.last?.eventName == "CreateUser")
        #expect(portal.trail.events.last?.errorCode == "AccessDeniedException")
    }

    @Test(
        "an additional Region refuses every write, naming the primary",
        arguments: [
            ("CreateUser", IdentityWriteTests.person),
            ("UpdateUser", #""UserId": "\#(TestPortal.userID)", "Operations": []"#),
            ("DeleteUser", #""UserId": "\#(TestPortal.administrators)""#),
            ("CreateGroup", #""DisplayName": "x""#),
            ("DeleteGroup", #""GroupId": "\#(TestPortal.userID)""#),
            ("DeleteGroupMembership", #""MembershipId": "\#(TestPortal.userID)""#),
        ])
    func elsewhere(operation: String, members: String) async throws {
        let portal = try TestPortal(isPrimary: false)
        let answer = try await portal.identity(operation, members)
        #expect(answer.type == "AccessDeniedException")
        #expect((answer.object["message"] as? String)?.contains(TestPortal.primaryURL) == true)
        #expect(portal.trail.events.last?.errorCode == "AccessDeniedException")
    }

    @Test(
        "a new person needs both names and what they are called",
        arguments: [
            ("userName", #""DisplayName": "K", "Name": {"GivenName": "K", "FamilyName": "R"}"#),
            ("displayName", #""UserName": "k", "Name": {"GivenName": "K", "FamilyName": "R"}"#),
            ("name.familyName", #""UserName": "k", "DisplayName": "K""#),
            (
                "name.givenName",
                #""UserName": "k", "DisplayName": "K", "Name": {"FamilyName": "R"}"#
            ),
            (
                "name.familyName",
                #""UserName": "k", "DisplayName": "K", "Name": {"GivenName": "K"}"#
            ),
        ])
    func incomplete(path: String, members: String) async throws {
        let answer = try await TestPortal().identity("CreateUser", members)
        #expect(answer.type == "ValidationException")
        #expect((answer.object["message"] as? String)?.contains(path) == true)
    }

    @Test(
        "what cannot be kept is refused, never left out",
        arguments: [
            #""UserStatus": "DISABLED""#, #""Password": "x""#, #""name.formatted": "x""#,
            #""ExternalIds": [{"Issuer": "x", "Id": "y"}]"#, #""Title": """#, #""Title": 1"#,
            #""Emails": []"#, #""Emails": {"Value": "a"}"#,
            #""Emails": [{"Value": "a", "Id": "b"}]"#,
            #""Emails": [{"Value": "a"}, {"Value": "b"}]"#, #""Emails": [{"Primary": "true"}]"#,
            #""Photos": [{"Value":"1"},{"Value":"2"},{"Value":"3"},{"Value":"4"}]"#,
            #""Extensions": {"aws:identitystore:other": {"a": "b"}}"#,
            #""Extensions": {"aws:identitystore:enterprise": {"badge": "b"}}"#,
        ])
    func unknown(member: String) async throws {
        let portal = try TestPortal()
        let answer = try await portal.identity("CreateUser", "\(Self.person), \(member)")
        #expect(answer.type == "ValidationException")
        #expect(portal.directory.content.withLock { $0.users.count } == 1)
    }

    @Test("every attribute that can be set comes back")
    func everything() async throws {
        let portal = try TestPortal()
        let rest = """
            "NickName": "K", "ProfileUrl": "https://kim.example", "UserType": "Guest",
            "Title": "Pilot", "PreferredLanguage": "de", "Locale": "de-DE", "Timezone": "CET",
            "Website": "https://roe.example", "Birthdate": "1990-02-28",
            "Emails": [{"Value": "kim@example.com", "Type": "work", "Primary": true}],
            "PhoneNumbers": [{"Value": "+49 1", "Type": "work"}],
            "Addresses": [{"StreetAddress": "Way 1", "Locality": "Ulm", "PostalCode": "89073",
                "Country": "DE", "Region": "BW", "Formatted": "all", "Type": "home"}],
            "Photos": [{"Value": "https://kim.example/1.png", "Display": "Kim", "Primary": true}],
            "Roles": [{"Value": "Researcher", "Type": "Work"}],
            "Extensions": {"aws:identitystore:enterprise": {"employeeNumber": "7",
                "department": "Flight", "manager": {"value": "m-1"}}}
            """
        let made = try await portal.identity("CreateUser", "\(Self.person), \(rest)")
        let id = try #require(made.object["UserId"] as? String)
        #expect(made.object["UserArn"] as? String == "arn:aws:identitystore:::user/\(id)")
        #expect(made.object["Revision"] as? String == "1")
        let told = try await portal.identity(
            "DescribeUser",
            #""UserId": "\#(id)", "Extensions": ["aws:identitystore:enterprise"]"#
        ).object
        let whole = Data("{\(Self.person), \(rest)}".utf8)
        let sent = try #require(try JSONSerialization.jsonObject(with: whole) as? [String: Any])
        for (name, value) in sent where !["Addresses", "PhoneNumbers", "Roles"].contains(name) {
            #expect(try Self.text(told[name]) == Self.text(value), "\(name)")
        }
        #expect(told["UserStatus"] as? String == "ENABLED")
        let address = (told["Addresses"] as? [[String: Any]])?.first
        #expect(address?["PostalCode"] as? String == "89073")
        #expect(address?["Primary"] as? Bool == false)
        let unasked = try await portal.identity("DescribeUser", #""UserId": "\#(id)""#)
        #expect(unasked.object["Extensions"] == nil)
    }

    private static func text(_ value: Any?) throws -> String {
        let object = ["value": value ?? NSNull()]
        let data = try JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
        return String(decoding: data, as: UTF8.self)
    }

    @Test("a user name in use is a conflict about uniqueness")
    func duplicate() async throws {
        let portal = try TestPortal()
        _ = try await portal.identity("CreateUser", Self.person)
        let again = try await portal.identity("CreateUser", Self.person)
        #expect(again.type == "ConflictException")
        #expect(again.object["Reason"] as? String == "UNIQUENESS_CONSTRAINT_VIOLATION")
        let requestID = again.headers[.amazonRequestID]
        #expect(requestID?.isEmpty == false)
        #expect(again.object["RequestId"] as? String == requestID)
    }

    @Test("the directory learns who did it")
    func actor() async throws {
        let portal = try TestPortal()
        _ = try await portal.identity("CreateUser", Self.person)
        let text = try #require(portal.directory.content.withLock { $0.actors.last })
        let actor = try TrailActor(serializedBytes: try #require(Data(base64Encoded: text)))
        #expect(actor.type == "IAMUser")
        #expect(actor.arn == "arn:aws:iam::111122223333:user/abel")
    }

    @Test("a person who was deleted is deleted again without complaint; a malformed ID is refused")
    func deletion() async throws {
        let portal = try TestPortal()
        let user = #""UserId": "\#(TestPortal.userID)""#
        let stale = try await portal.identity("DeleteUser", "\(user), \"Revision\": \"x\"")
        #expect(stale.type == "ValidationException")
        #expect(try await portal.identity("DeleteUser", user).status == .ok)
        let again = try await portal.identity("DeleteUser", user)
        #expect(again.status == .ok)
        #expect(again.text.isEmpty)
        #expect(portal.directory.content.withLock { $0.users.isEmpty })
        for text in ["alix", "", "arn:aws:identitystore:::group/\(TestPortal.userID)"] {
            let answer = try await portal.identity("DeleteUser", #""UserId": "\#(text)""#)
            #expect(answer.type == "ValidationException")
        }
    }
}

extension TestPortal {
    /// Calls an operation of the Identity Store API as an operator.
    func identity(
        _ operation: String, _ members: String, as name: String = "abel",
        store: String = "d-0123456789"
    ) async throws -> AWSAnswer {
        try await call(
            "AWSIdentityStore.\(operation)", for: "identitystore",
            #"{"IdentityStoreId": "\#(store)", \#(members)}"#, operatorSigner(name))
    }
}
