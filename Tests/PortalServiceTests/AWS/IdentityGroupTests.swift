import Contracts
import Foundation
import HTTPTypes
import Logging
import RPC
import Synchronization
import Testing

@testable import PortalService

@Suite("Groups and memberships by the Identity Store API")
struct IdentityGroupTests {
    private static let group = #""GroupId": "\#(TestPortal.administrators)""#
    private static let user = #""MemberId": {"UserId": "\#(TestPortal.userID)"}"#

    @Test(
        "groups that do not fit are refused",
        arguments: [
            #""Description": "x""#, #""DisplayName": "x", "Tags": []"#, #""DisplayName": 7"#,
            #""DisplayName": "x", "ExternalIds": []"#,
        ])
    func unfit(members: String) async throws {
        let answer = try await TestPortal().identity("CreateGroup", members)
        #expect(answer.type == "ValidationException")
    }

    @Test("a group from beginning to end")
    func life() async throws {
        let portal = try TestPortal()
        let made = try await portal.identity(
            "CreateGroup", #""DisplayName": "Crew", "Description": "Who flies""#)
        let id = try #require(made.object["GroupId"] as? String)
        let group = #""GroupId": "\#(id)""#
        #expect(made.object["GroupArn"] as? String == "arn:aws:identitystore:::group/\(id)")
        let again = try await portal.identity("CreateGroup", #""DisplayName": "CREW""#)
        #expect(again.object["Reason"] as? String == "UNIQUENESS_CONSTRAINT_VIOLATION")
        let changes = """
            "Operations": [{"AttributePath": "displayName", "AttributeValue": "Cabin"},
                {"AttributePath": "description", "AttributeValue": null}]
            """
        #expect(try await portal.identity("UpdateGroup", "\(group), \(changes)").status == .ok)
        let told = try await portal.identity("DescribeGroup", group).object
        #expect(told["DisplayName"] as? String == "Cabin")
        #expect(told["Description"] == nil)
        #expect(told["Revision"] as? String == "2")
        for path in ["displayName", "members"] {
            let refused = try await portal.identity(
                "UpdateGroup", #"\#(group), "Operations": [{"AttributePath": "\#(path)"}]"#)
            #expect(refused.type == "ValidationException")
        }
        let stale = try await portal.identity("DeleteGroup", #"\#(group), "Revision": "1""#)
        #expect(stale.object["Reason"] as? String == "CONCURRENT_MODIFICATION")
        for _ in 1...2 { #expect(try await portal.identity("DeleteGroup", group).status == .ok) }
        #expect(
            try await portal.identity("DescribeGroup", group).type == "ResourceNotFoundException")
    }

    @Test("a membership has an ID of its own, by which it is told and ended")
    func membership() async throws {
        let portal = try TestPortal(isAdministrator: false)
        let both = "\(Self.group), \(Self.user)"
        let made = try await portal.identity("CreateGroupMembership", both)
        let id = try #require(made.object["MembershipId"] as? String)
        let membership = #""MembershipId": "\#(id)""#
        let again = try await portal.identity("CreateGroupMembership", both)
        #expect(again.type == "ConflictException")
        let told = try await portal.identity("DescribeGroupMembership", membership).object
        #expect(told["GroupId"] as? String == TestPortal.administrators)
        #expect((told["MemberId"] as? [String: String]) == ["UserId": TestPortal.userID])
        #expect(told["CreatedAt"] as? Double == 1_780_000_000)
        for _ in 1...2 {
            let ended = try await portal.identity("DeleteGroupMembership", membership)
            #expect(ended.status == .ok)
        }
        let gone = try await portal.identity("DescribeGroupMembership", membership)
        #expect(gone.object["ResourceType"] as? String == "GROUP_MEMBERSHIP")
    }

    @Test("a group that is not there is named")
    func missing() async throws {
        let portal = try TestPortal()
        let answer = try await portal.identity(
            "CreateGroupMembership", #""GroupId": "\#(TestPortal.userID)", \#(Self.user)"#)
        #expect(answer.object["ResourceType"] as? String == "GROUP")
        #expect(answer.object["ResourceId"] as? String == TestPortal.userID)
    }

    @Test("stores, people and groups are named by ARN too")
    func names() async throws {
        let portal = try TestPortal()
        let store = "arn:aws:identitystore::111122223333:identitystore/d-0123456789"
        let user = #""UserId": "arn:aws:identitystore:::user/\#(TestPortal.userID)""#
        let answer = try await portal.identity("DescribeUser", user, store: store)
        #expect(answer.object["UserId"] as? String == TestPortal.userID)
        let older = #""UserId": "0123456789-\#(TestPortal.userID)""#
        #expect(
            try await portal.identity("DescribeUser", older).type == "ResourceNotFoundException")
    }

    @Test("a policy keeps people away from one group")
    func oneGroup() async throws {
        let portal = try TestPortal(isAdministrator: false)
        portal.directory.addGroup("Crew", id: TestPortal.userID, members: [])
        let deny = "arn:aws:identitystore:::group/\(TestPortal.administrators)"
        let policy = """
            {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "identitystore:*", "Resource": "*"},
                {"Effect": "Deny", "Action": "identitystore:*GroupMembership", "Resource": "\(deny)"}]}
            """
        for (group, isDenied) in [(TestPortal.administrators, true), (TestPortal.userID, false)] {
            let made = try await perform(
                portal, "CreateGroupMembership", #""GroupId": "\#(group)", \#(Self.user)"#,
                policies: [policy.replacingOccurrences(of: "Deny", with: "Allow")])
            let id = try #require(made["MembershipId"] as? String)
            let membership = #""MembershipId": "\#(id)""#
            for operation in ["DescribeGroupMembership", "DeleteGroupMembership"] {
                let error = await failure {
                    try await perform(portal, operation, membership, policies: [policy])
                }
                #expect((error as? AWSError)?.type == (isDenied ? "AccessDeniedException" : nil))
            }
            let error = await failure {
                try await perform(
                    portal, "CreateGroupMembership", #""GroupId": "\#(group)", \#(Self.user)"#,
                    policies: [policy])
            }
            #expect((error as? AWSError)?.type == (isDenied ? "AccessDeniedException" : nil))
        }
    }

    @Test(
        "what services say has the API's names",
        arguments: [
            (RPCError.Code.failedPrecondition, "NOT_PRIMARY", "AccessDeniedException", nil),
            (.failedPrecondition, "DisabledException", "ValidationException", "KMS_DISABLED"),
            (
                .failedPrecondition, "KMSInvalidStateException", "ValidationException",
                "KMS_INVALID_STATE"
            ),
            (
                .failedPrecondition, "AccessDeniedException", "AccessDeniedException",
                "KMS_ACCESS_DENIED"
            ),
            (
                .failedPrecondition, "NotFoundException", "ResourceNotFoundException",
                "KMS_KEY_NOT_FOUND"
            ),
            (.resourceExhausted, "WRITE_QUEUE_FULL", "ThrottlingException", nil),
            (.resourceExhausted, "STORAGE_FULL", "ServiceQuotaExceededException", nil),
            (.aborted, "VERSION_CHANGED", "ConflictException", "CONCURRENT_MODIFICATION"),
            (.unavailable, "", "InternalServerException", nil),
        ] as [(RPCError.Code, String, String, String?)])
    func failures(code: RPCError.Code, reason: String, type: String, member: String?) {
        let error = IdentityStoreFailure.exception(RPCError(code, reason: reason, message: "text"))
        #expect(error.type == type)
        #expect(error.members["Reason"] == member)
    }

    /// Performs an operation as somebody with these policies, in the instance's account.
    private func perform(
        _ portal: TestPortal, _ operation: String, _ members: String, policies: [String]
    ) async throws -> [String: Any] {
        let now = portal.now
        let api = IdentityStoreAPI(
            directory: DirectoryClient(portal.directory.channel), instance: portal.instance,
            authorizer: IdentityAuthorizer(
                accountID: "111122223333", region: "eu-central-1", now: { now }))
        let caller = AWSCaller(
            arn: "arn:aws:iam::111122223333:user/bo", roleARN: "", accountID: "111122223333",
            userID: "bo", name: "bo", accessKeyID: "ASIA", issuedAt: now,
            identityPolicies: policies, person: nil)
        let call = AWSCall(
            caller: caller, actor: TrailActor(), sourceAddress: "unknown", userAgent: "",
            logger: Logger(label: "test"))
        let body = Data(#"{"IdentityStoreId": "d-0123456789", \#(members)}"#.utf8)
        let known = try #require(api.service.operations[operation])
        let made = try await known.perform(body, call)
        return (try? JSONSerialization.jsonObject(with: made.body)) as? [String: Any] ?? [:]
    }

    private func failure<Value>(of operation: () async throws -> Value) async -> (any Error)? {
        do {
            _ = try await operation()
            return nil
        } catch {
            return error
        }
    }
}
