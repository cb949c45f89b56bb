import Contracts
import Foundation
import RPC
import Testing

@testable import PortalService

@Suite("Identity Center's administration API on AWS' wire")
struct SSOAdminTests {
    static let arn = "arn:aws:sso:::instance/ssoins-0123456789abcdef"

    private func admin(
        _ portal: TestPortal, _ operation: String, _ members: String = "",
        as name: String = "ada"
    ) async throws -> AWSAnswer {
        try await portal.call(
            "SWBExternalService.\(operation)", for: "sso",
            #"{"InstanceArn": "\#(Self.arn)"\#(members)}"#, portal.operatorSigner(name))
    }

    @Test("an auditor reads and changes nothing; the refusal is recorded")
    func auditor() async throws {
        let portal = try TestPortal()
        let told = try await admin(portal, "DescribeInstance")
        #expect(told.object["Status"] as? String == "ACTIVE")
        let answer = try await admin(portal, "AddRegion", #", "RegionName": "eu-west-1""#)
        #expect(answer.type == "AccessDeniedException")
        #expect(portal.addedRegions.isEmpty)
        #expect(portal.trail.events.last?.eventName == "AddRegion")
        #expect(portal.trail.events.last?.errorCode == "AccessDeniedException")
    }

    @Test(
        "what stands in the way of a Region becomes the exception that fits it",
        arguments: [
            ("KEY_REPLICA_MISSING", "ValidationException", nil),
            ("KEY_REPLICA_NOT_ENABLED", "ValidationException", "KMS_DisabledException"),
            ("KEY_POLICY_DENIES", "AccessDeniedException", "KMS_AccessDeniedException"),
            ("REGION_QUOTA", "ServiceQuotaExceededException", nil),
            ("REGION_IS_PRIMARY", "ConflictException", nil),
        ])
    func preconditions(code: String, type: String, reason: String?) {
        let failure = SSOAdminFailure.exception(
            RPCError(
                .failedPrecondition, reason: "REGION_PRECONDITIONS_FAILED", message: "Not yet.",
                metadata: ["problem-1": "\(code): what is missing"]))
        #expect(failure.type == type)
        #expect(failure.members["Reason"] == reason)
        #expect(failure.message.contains("what is missing"))
    }

    @Test("several problems are told together")
    func severalProblems() {
        let failure = SSOAdminFailure.exception(
            RPCError(
                .failedPrecondition, reason: "REGION_PRECONDITIONS_FAILED", message: "Not yet.",
                metadata: ["problem-1": "REGION_QUOTA: six", "problem-2": "KEY_POLICY_DENIES: x"]))
        #expect(failure.type == "ValidationException")
        #expect(failure.message == "Not yet. REGION_QUOTA: six KEY_POLICY_DENIES: x")
    }

    @Test(
        "durations are ISO 8601's",
        arguments: [("PT1H", 3_600), ("PT1H30M", 5_400), ("PT43200S", 43_200), ("PT2M5S", 125)])
    func durations(text: String, seconds: UInt32) throws {
        #expect(try ISODuration.seconds(text) == seconds)
        #expect(try ISODuration.seconds(ISODuration.text(seconds)) == seconds)
    }

    @Test("other texts are no durations", arguments: ["", "PT", "1H", "P1D", "PT-1H", "PT1.5H"])
    func noDurations(text: String) {
        #expect(throws: AWSError.self) { try ISODuration.seconds(text) }
    }
}
