import Cryptography
import Foundation
import RPC
import Synchronization

/// Requests that went through the general path before, with all that it takes to answer them again.
///
/// An entry holds until anything about any key or alias changes: then all of them are void at once.
/// Only what was allowed and depends on nothing but caller, operation, key and context is kept.
final class UsualAdmissions: Sendable {
    /// What answering takes.
    struct Admission: Sendable {
        let key: ActiveKey
        let counter: UsageCounter
        /// What new ciphertext is made with; nil for signatures.
        let material: SealingMaterial?
        /// What signs; nil for symmetric keys.
        let signer: P256PrivateKey?
        /// The end of each response, encoded: the key's ARN, and the material's name where it is told.
        let responseEnd: [UInt8]
    }

    private struct Entry: Sendable {
        let revision: UInt64
        let peer: PeerIdentity
        let operation: UInt8
        let key: [UInt8]
        let context: [UInt8]
        let admission: Admission
    }

    private static let slotCount = 1024

    private let slots = Mutex([Entry?](repeating: nil, count: slotCount))

    /// What a request asks for; lent.
    struct Question {
        let peer: PeerIdentity
        let operation: UInt8
        let key: UnsafeRawBufferPointer
        /// As `EncryptionContext.canonicalBytes` has it.
        let context: UnsafeRawBufferPointer

        fileprivate var slot: Int {
            var hasher = Hasher()
            hasher.combine(operation)
            hasher.combine(bytes: key)
            hasher.combine(bytes: context)
            return hasher.finalize() & (slotCount - 1)
        }
    }

    func find(_ question: Question, revision: UInt64) -> Admission? {
        let slot = question.slot
        return slots.withLock { slots in
            guard let entry = slots[slot], entry.revision == revision,
                entry.operation == question.operation, Self.same(entry.key, question.key),
                Self.same(entry.context, question.context), entry.peer == question.peer
            else { return nil }
            return entry.admission
        }
    }

    func insert(_ question: Question, revision: UInt64, _ admission: Admission) {
        let entry = Entry(
            revision: revision, peer: question.peer, operation: question.operation,
            key: Array(question.key), context: Array(question.context), admission: admission)
        let slot = question.slot
        slots.withLock { $0[slot] = entry }
    }

    private static func same(_ one: [UInt8], _ other: UnsafeRawBufferPointer) -> Bool {
        guard one.count == other.count else { return false }
        guard let start = other.baseAddress else { return true }
        return one.withUnsafeBytes { bytes in
            bytes.baseAddress.map { memcmp($0, start, other.count) == 0 } ?? true
        }
    }
}
