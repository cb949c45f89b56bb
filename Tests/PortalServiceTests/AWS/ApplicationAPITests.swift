import Contracts
import Foundation
import HTTPTypes
import RPC
import Testing

@testable import PortalService

@Suite("Applications on AWS' wire")
struct ApplicationAPITests {
    static let instance = #""InstanceArn": "arn:aws:sso:::instance/ssoins-0123456789abcdef""#
    static let application = #""ApplicationArn": "\#(FakeApplications.arn)""#
    static let custom = "arn:aws:sso::aws:applicationProvider/custom"
    static let anna = "11111111-1111-4111-8111-111111111111"
    static let principal = #""PrincipalType": "USER", "PrincipalId": "\#(anna)""#

    static let changes: [(String, String)] = [
        (
            "CreateApplication",
            #"\#(instance), "ApplicationProviderArn": "\#(custom)", "Name": "CRM""#
        ),
        ("UpdateApplication", #"\#(application), "Name": "CRM""#),
        ("DeleteApplication", application),
        ("CreateApplicationAssignment", "\(application), \(principal)"),
        ("DeleteApplicationAssignment", "\(application), \(principal)"),
        (
            "PutApplicationAssignmentConfiguration",
            #"\#(application), "AssignmentRequired": false"#
        ),
    ]

    static let misfits: [(String, String)] = [
        ("DescribeApplication", #""ApplicationArn": "apl-0123456789abcdef""#),
        ("DescribeApplication", #""ApplicationArn": "\#(FakeApplications.arn)0""#),
        ("DescribeApplicationProvider", #""ApplicationProviderArn": "custom""#),
        ("UpdateApplication", #"\#(application), "Status": "OFF""#),
        (
            "UpdateApplication",
            #"\#(application), "PortalOptions": {"SignInOptions": {"Origin": "APPLICATION"}}"#
        ),
        (
            "UpdateApplication",
            #"\#(application), "PortalOptions": {"SignInOptions": {"Origin": "IDENTITY_CENTER"}}"#
        ),
        ("ListApplications", #"\#(instance), "MaxResults": 101"#),
        (
            "CreateApplicationAssignment",
            #"\#(application), "PrincipalType": "USER", "PrincipalId": "nobody""#
        ),
        (
            "CreateApplicationAssignment",
            #"\#(application), "PrincipalType": "ROBOT", "PrincipalId": "\#(anna)""#
        ),
        ("PutApplicationAssignmentConfiguration", application),
    ]

    static let notMade: [(String, String)] = [
        (#""ApplicationProviderArn": "\#(custom)x""#, "ResourceNotFoundException"),
        (
            #""ApplicationProviderArn": "arn:aws:sso::aws:applicationProvider/managed""#,
            "ValidationException"
        ),
        (
            #""ApplicationProviderArn": "\#(custom)", "Tags": [{"Key": "a", "Value": "b"}]"#,
            "ValidationException"
        ),
        (
            #""ApplicationProviderArn": "\#(custom)", "ClientToken": "two words""#,
            "ValidationException"
        ),
    ]

    private func call(
        _ portal: TestPortal, _ operation: String, _ members: String, as name: String = "abel"
    ) async throws -> AWSAnswer {
        try await portal.call(
            "SWBExternalService.\(operation)", for: "sso", "{\(members)}",
            portal.operatorSigner(name))
    }

    @Test(
        "who may only look changes nothing, and the refusal is recorded",
        arguments: Self.changes)
    func auditor(operation: String, members: String) async throws {
        let portal = try TestPortal()
        let answer = try await call(portal, operation, members, as: "ada")
        #expect(answer.type == "AccessDeniedException")
        #expect(portal.trail.events.last?.eventName == operation)
        #expect(portal.trail.events.last?.errorCode == "AccessDeniedException")
        #expect(portal.applications.created.isEmpty)
        #expect(portal.applications.assignments.isEmpty)
        let told = try await call(portal, "DescribeApplication", Self.application, as: "ada")
        #expect(told.object["Name"] as? String == "Wiki")
    }

    @Test(
        "what does not fit is refused before anything is asked",
        arguments: Self.misfits)
    func malformed(operation: String, members: String) async throws {
        let portal = try TestPortal()
        #expect(try await call(portal, operation, members).type == "ValidationException")
        #expect(portal.applications.assignments.isEmpty)
    }

    @Test(
        "applications are created with what is kept of them, and nothing else",
        arguments: Self.notMade)
    func notCreated(members: String, type: String) async throws {
        let portal = try TestPortal()
        let answer = try await call(
            portal, "CreateApplication", #"\#(Self.instance), "Name": "CRM", \#(members)"#)
        #expect(answer.type == type)
        #expect(portal.applications.created.isEmpty)
    }

    @Test("a created application is visible, enabled and closed unless it is said otherwise")
    func create() async throws {
        let portal = try TestPortal()
        let start =
            #"\#(Self.instance), "ApplicationProviderArn": "\#(Self.custom)", "Name": "CRM""#
        let answer = try await call(portal, "CreateApplication", start)
        #expect(answer.status == .ok)
        #expect(
            (answer.object["ApplicationArn"] as? String)?.hasSuffix("apl-0123456789abcde1") == true)
        #expect(
            answer.object["IdentityStoreArn"] as? String
                == "arn:aws:identitystore::111122223333:identitystore/d-0123456789")
        let first = try #require(portal.applications.created.first)
        #expect(first.clientToken.isEmpty)
        #expect(first.application.status == .enabled)
        #expect(!first.application.hidden && !first.application.assignmentNotRequired)
        #expect(first.application.startURL.isEmpty)
        _ = try await call(
            portal, "CreateApplication",
            start + #", "ClientToken": "t", "Status": "DISABLED", "Description": "Customers","#
                + #" "PortalOptions": {"Visibility": "DISABLED", "SignInOptions":"#
                + #" {"Origin": "APPLICATION", "ApplicationUrl": "https://crm.example/"}}"#)
        let second = try #require(portal.applications.created.last)
        #expect(second.clientToken == "t")
        #expect(second.application.status == .disabled)
        #expect(second.application.hidden)
        #expect(second.application.startURL == "https://crm.example/")
        #expect(second.application.description_p == "Customers")
    }

    @Test("an application is described with its Region; an update changes what it names only")
    func update() async throws {
        let portal = try TestPortal()
        _ = try await call(
            portal, "UpdateApplication", #"\#(Self.application), "Name": "Handbook""#)
        let told = try await call(portal, "DescribeApplication", Self.application).object
        #expect(told["Name"] as? String == "Handbook")
        #expect(told["CreatedFrom"] as? String == "us-east-1")
        #expect(told["Status"] as? String == "ENABLED")
        #expect(told["Description"] == nil)
        #expect(told["ApplicationProviderArn"] as? String == Self.custom)
        #expect(told["ApplicationAccount"] as? String == "111122223333")
        let options = try #require(told["PortalOptions"] as? [String: Any])
        #expect(options["Visibility"] as? String == "ENABLED")
        let signIn = try #require(options["SignInOptions"] as? [String: String])
        #expect(signIn == ["Origin": "APPLICATION", "ApplicationUrl": "https://wiki.example"])
        let other = #""ApplicationArn": "\#(FakeApplications.arn.dropLast())0""#
        #expect(
            try await call(portal, "DescribeApplication", other).type
                == "ResourceNotFoundException")
    }

    @Test("lists are filtered by provider and account")
    func filters() async throws {
        let portal = try TestPortal()
        for (filter, count) in [
            (#"{"ApplicationProvider": "\#(Self.custom)"}"#, 1),
            (#"{"ApplicationProvider": "arn:aws:sso::aws:applicationProvider/managed"}"#, 0),
            (#"{"ApplicationProvider": "arn:aws:sso::aws:applicationProvider/none"}"#, 0),
            (#"{"ApplicationAccount": "111122223333"}"#, 1),
            (#"{"ApplicationAccount": "999999999999"}"#, 0),
        ] {
            let answer = try await call(
                portal, "ListApplications", #"\#(Self.instance), "Filter": \#(filter)"#)
            #expect((answer.object["Applications"] as? [Any])?.count == count)
        }
    }

    @Test("providers are listed in pages and described")
    func providers() async throws {
        let portal = try TestPortal()
        let first = try await call(portal, "ListApplicationProviders", #""MaxResults": 1"#).object
        let token = try #require(first["NextToken"] as? String)
        let second = try await call(
            portal, "ListApplicationProviders", #""NextToken": "\#(token)""#
        ).object
        #expect(second["NextToken"] == nil)
        let told = try await call(
            portal, "DescribeApplicationProvider", #""ApplicationProviderArn": "\#(Self.custom)""#)
        #expect((told.object["DisplayData"] as? [String: String])?["DisplayName"] != nil)
        let none = try await call(
            portal, "DescribeApplicationProvider", #""ApplicationProviderArn": "\#(Self.custom)x""#)
        #expect(none.type == "ResourceNotFoundException")
    }

    @Test("assignments go through, and whether they are needed")
    func assignments() async throws {
        let portal = try TestPortal()
        let missing = try await call(
            portal, "DescribeApplicationAssignment", "\(Self.application), \(Self.principal)")
        #expect(missing.type == "ResourceNotFoundException")
        _ = try await call(
            portal, "CreateApplicationAssignment", "\(Self.application), \(Self.principal)")
        #expect(portal.applications.assignments.map(\.principalID) == [Self.anna])
        let there = try await call(
            portal, "DescribeApplicationAssignment", "\(Self.application), \(Self.principal)")
        #expect(there.object["PrincipalId"] as? String == Self.anna)
        let required = "GetApplicationAssignmentConfiguration"
        #expect(
            try await call(portal, required, Self.application).object["AssignmentRequired"]
                as? Bool == true)
        _ = try await call(
            portal, "PutApplicationAssignmentConfiguration",
            #"\#(Self.application), "AssignmentRequired": false"#)
        #expect(
            try await call(portal, required, Self.application).object["AssignmentRequired"]
                as? Bool == false)
    }

    @Test(
        "what would be of no effect is not there",
        arguments: [
            "PutApplicationGrant", "PutApplicationAccessScope",
            "PutApplicationAuthenticationMethod", "PutApplicationSessionConfiguration",
        ])
    func notThere(operation: String) async throws {
        let answer = try await call(try TestPortal(), operation, Self.application)
        #expect(answer.type == "UnknownOperationException")
    }

    @Test(
        "refusals of the permission service have the exceptions of sso-admin",
        arguments: [
            (RPCError.Code.failedPrecondition, "WRONG_REGION", "AccessDeniedException"),
            (.failedPrecondition, "CMK_NOT_SUPPORTED", "ValidationException"),
            (.aborted, "VERSION_CHANGED", "ConflictException"),
            (.alreadyExists, "CLIENT_TOKEN_REUSED", "ConflictException"),
            (.alreadyExists, "ASSIGNMENT_EXISTS", "ConflictException"),
            (.notFound, "PRINCIPAL_NOT_FOUND", "ResourceNotFoundException"),
            (.resourceExhausted, "QUOTA_EXCEEDED", "ServiceQuotaExceededException"),
        ])
    func failures(code: RPCError.Code, reason: String, type: String) {
        let failure = SSOAdminFailure.exception(
            RPCError(code, reason: reason, message: "It belongs to us-east-1."))
        #expect(failure.type == type)
        #expect(failure.message == "It belongs to us-east-1.")
    }
}
