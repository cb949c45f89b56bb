import Contracts
import Foundation
import Testing

@testable import PortalService

@Suite("Identity Store and CloudTrail on AWS' wire")
struct IdentityAPITests {
    static let store = "d-0123456789"

    private func identity(
        _ portal: TestPortal, _ operation: String, _ body: String, as name: String? = "ada"
    ) async throws -> AWSAnswer {
        let signer = name == nil ? nil : try await portal.operatorSigner("ada")
        return try await portal.call(
            "AWSIdentityStore.\(operation)", for: "identitystore", body, signer)
    }

    private func lookUp(
        _ portal: TestPortal, _ body: String, as name: String? = "ada"
    ) async throws -> AWSAnswer {
        let signer = name == nil ? nil : try await portal.operatorSigner("ada")
        return try await portal.call(
            "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
            for: "cloudtrail", body, signer)
    }

    @Test("a role of another account than the instance's is refused")
    func otherAccount() async throws {
        let portal = try TestPortal()
        let body = #"{"IdentityStoreId": "\#(Self.store)"}"#
        let answer = try await identity(portal, "ListUsers", body, as: nil)
        #expect(answer.type == "AccessDeniedException")
        #expect(try await lookUp(portal, "{}", as: nil).type == "AccessDeniedException")
        #expect(portal.trail.events.last?.errorCode == "AccessDeniedException")
    }

    @Test("a user comes in the Identity Store's shape, without members that are not set")
    func user() async throws {
        let portal = try TestPortal()
        let answer = try await identity(
            portal, "DescribeUser",
            #"{"IdentityStoreId": "\#(Self.store)", "UserId": "\#(TestPortal.userID)"}"#)
        #expect(answer.object["UserName"] as? String == "alix@example.com")
        #expect(answer.object["UserStatus"] as? String == "ENABLED")
        #expect((answer.object["Name"] as? [String: Any])?["GivenName"] as? String == "Alix")
        #expect(answer.object["Title"] == nil)
        #expect(answer.object["Emails"] == nil)
    }

    @Test("what is not there is named by kind and ID")
    func missing() async throws {
        let portal = try TestPortal()
        let nobody = "00000000-0000-4000-8000-000000000000"
        let user = try await identity(
            portal, "DescribeUser",
            #"{"IdentityStoreId": "\#(Self.store)", "UserId": "\#(nobody)"}"#)
        #expect(user.type == "ResourceNotFoundException")
        #expect(user.object["ResourceType"] as? String == "USER")
        #expect(user.object["ResourceId"] as? String == nobody)
        let store = try await identity(
            portal, "DescribeUser",
            #"{"IdentityStoreId": "d-9999999999", "UserId": "\#(nobody)"}"#)
        #expect(store.object["ResourceType"] as? String == "IDENTITY_STORE")
    }

    @Test(
        "questions that do not fit are refused",
        arguments: [
            ("ListUsers", #""MaxResults": 101"#), ("ListGroupMemberships", #""MaxResults": 1"#),
            ("ListUsers", #""Filters": [{"AttributePath": "Title", "AttributeValue": "x"}]"#),
            ("GetUserId", #""AlternateIdentifier": {}"#), ("DescribeUser", #""UserId": "nobody""#),
            ("ListUsers", #""Extensions": ["aws:identitystore:other"]"#),
            ("IsMemberInGroups", #""MemberId": {"UserId": "x"}, "GroupIds": []"#),
        ])
    func invalid(operation: String, members: String) async throws {
        let portal = try TestPortal()
        let answer = try await identity(
            portal, operation, #"{"IdentityStoreId": "\#(Self.store)", \#(members)}"#)
        #expect(answer.type == "ValidationException")
    }

    @Test("events come with the record as text; limits have CloudTrail's names")
    func events() async throws {
        let portal = try TestPortal()
        let answer = try await lookUp(portal, "{}")
        let event = try #require((answer.object["Events"] as? [[String: Any]])?.first)
        #expect(event["EventName"] as? String == "UserAuthentication")
        #expect(event["ReadOnly"] as? String == "false")
        let key = #"{"AttributeKey": "EventName", "AttributeValue": "x"}"#
        #expect(
            try await lookUp(portal, #"{"LookupAttributes": [\#(key), \#(key)]}"#).type
                == "InvalidLookupAttributesException")
        #expect(
            try await lookUp(portal, #"{"MaxResults": 51}"#).type == "InvalidMaxResultsException")
    }
}
