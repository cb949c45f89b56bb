import Contracts
import RPC

/// Why a replica must drop what it holds and stop answering.
struct ReplicaClosure: Error {
    /// What callers are told.
    let error: RPCError
    /// The wrapped data key to try again with; nil when no key is to blame.
    let dataKey: StateDataKeyRecord?

    /// The keys service does not open the data key: disabled key, changed policy, deletion…
    init(refusedKey dataKey: StateDataKeyRecord, _ error: RPCError) {
        self.dataKey = dataKey
        self.error = RPCError(
            .failedPrecondition, reason: error.reason,
            message: "This Region's KMS key cannot be used: \(error.message)",
            metadata: ["kms-key-arn": dataKey.kmsKeyArn], cause: error)
    }

    /// The keys service could not be asked before the hold ended.
    init(unreachableFor dataKey: StateDataKeyRecord, _ error: RPCError) {
        self.dataKey = dataKey
        self.error = RPCError(
            .unavailable, reason: "KEYS_UNREACHABLE",
            message: "The Region's keys service cannot be reached, and data keys may not be held "
                + "any longer.", cause: error)
    }

    /// A record in the log is not what its owner sealed, or its data key is not there.
    init(corrupt key: String, stream: String, sequence: UInt64, problem: String) {
        self.dataKey = nil
        self.error = RPCError(
            .dataLoss, reason: "RECORD_NOT_AUTHENTIC",
            message: "Entry \(sequence) of \(stream) \(problem).",
            metadata: ["stream": stream, "sequence": "\(sequence)", "key": key])
    }
}
