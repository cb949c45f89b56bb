import RPC
import ServiceKit
import Testing

@testable import portolan

@Suite("Error texts")
struct ErrorTextTests {
    @Test("a write outside the primary says where to run it")
    func notPrimary() {
        let failure = ErrorText.failure(
            RPCError(
                .failedPrecondition, reason: "NOT_PRIMARY", message: "The primary is eu-central-1.",
                metadata: ["primary-region": "eu-central-1"]))
        #expect(failure.message.contains("NOT_PRIMARY"))
        #expect(failure.hint.contains("--region eu-central-1"))
        #expect(failure.exitCode == 1)
    }

    @Test("every failed precondition is listed with its remedy, in order")
    func problems() {
        let missing = "KEY_REPLICA_MISSING: no replica. Do: portolan key replicate mrk-1 --to r"
        let denied = "KEY_POLICY_DENIES: sso.amazonaws.com may not kms:Decrypt."
        let expected = """
            - KEY_REPLICA_MISSING: no replica.
              Do: portolan key replicate mrk-1 --to r
            - KEY_POLICY_DENIES: sso.amazonaws.com may not kms:Decrypt.
            """
        for message in ["\(missing)\n\(denied)", "short"] {
            let failure = ErrorText.failure(
                RPCError(
                    .failedPrecondition, reason: "REGION_PRECONDITIONS_FAILED", message: message,
                    metadata: ["problem-2": denied, "problem-1": missing, "other": "ignored"]))
            #expect(failure.message.contains("REGION_PRECONDITIONS_FAILED"))
            #expect(failure.hint == expected)
        }
    }

    @Test("a remedy that mends several problems is shown once")
    func sharedRemedy() {
        let message = "A: one. Do: mend\nB: two. Do: mend\nC: three. Do: other"
        let failure = ErrorText.failure(
            RPCError(
                .failedPrecondition, reason: "REGION_PRECONDITIONS_FAILED", message: message,
                metadata: ["problem-1": "A", "problem-2": "B", "problem-3": "C"]))
        #expect(failure.hint == "- A: one.\n- B: two.\n  Do: mend\n- C: three.\n  Do: other")
    }

    @Test("an unreachable service says how to look")
    func unavailable() {
        let failure = ErrorText.failure(
            RPCError(.unavailable, reason: "CANNOT_CONNECT", message: "Cannot connect."))
        #expect(failure.hint.contains("portolan health"))
    }

    @Test("a wrong configuration names the key and exits with 78")
    func configuration() {
        let failure = ErrorText.failure(ConfigurationError(key: "region", problem: "is missing"))
        #expect(failure.message.contains("region"))
        #expect(failure.exitCode == 78)
    }
}
