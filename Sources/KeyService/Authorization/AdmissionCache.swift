import Synchronization

/// Requests that were allowed before, each with the counter of its caller and operation.
///
/// It belongs to one version of one key: a change of policy, grants, tags or state makes a new key
/// object with an empty cache. Only permissions are kept, never refusals.
final class AdmissionCache: Sendable {
    struct Question: Hashable, Sendable {
        let callerID: UInt64
        let operation: UInt8
        /// What the policy may have asked about the request; empty where it asks nothing.
        let facts: [UInt8]
    }

    /// More different questions than this start the cache anew.
    static let countMax = 2048

    private let allowed = Mutex<[Question: UsageCounter]>([:])

    func counter(_ question: Question) -> UsageCounter? {
        allowed.withLock { $0[question] }
    }

    func insert(_ question: Question, _ counter: UsageCounter) {
        allowed.withLock { allowed in
            if allowed.count >= Self.countMax { allowed.removeAll(keepingCapacity: true) }
            allowed[question] = counter
        }
    }
}
