import Cryptography
import Foundation
import RPC
import Synchronization

/// Requests that went through the general path before, with all that it takes to answer them again.
///
/// An entry holds until anything about any key or alias changes: then all of them are let go at once, and
/// with them the material of keys that are gone. Only what was allowed and depends on nothing but
/// caller, operation, key and context is kept.
final class UsualAdmissions: Sendable {
    /// What answering takes.
    final class Admission: Sendable {
        let key: ActiveKey
        let counter: UsageCounter
        /// What new ciphertext is made with; nil for signatures.
        let material: SealingMaterial?
        /// What signs; nil for symmetric keys.
        let signer: P256PrivateKey?
        /// The end of each response, encoded: the key's ARN, and the material's name where it is told.
        let responseEnd: [UInt8]

        init(
            key: ActiveKey, counter: UsageCounter, material: SealingMaterial?,
            signer: P256PrivateKey?, responseEnd: [UInt8]
        ) {
            self.key = key
            self.counter = counter
            self.material = material
            self.signer = signer
            self.responseEnd = responseEnd
        }
    }

    private final class Entry: Sendable {
        let peer: PeerIdentity
        let operation: UInt8
        let key: [UInt8]
        let context: [UInt8]
        let admission: Admission

        init(_ question: Question, _ admission: Admission) {
            peer = question.peer
            operation = question.operation
            key = Array(question.key)
            context = Array(question.context)
            self.admission = admission
        }
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

    private let ring: KeyRing

    init(_ ring: KeyRing) {
        self.ring = ring
        ring.onChange { [weak self] in self?.removeAll() }
    }

    func find(_ question: Question) -> Admission? {
        let slot = question.slot
        return slots.withLock { slots in
            guard let entry = slots[slot], entry.operation == question.operation,
                Self.same(entry.key, question.key), Self.same(entry.context, question.context),
                entry.peer == question.peer
            else { return nil }
            return entry.admission
        }
    }

    /// - Parameter revision: of the ring when what is inserted was found out.
    func insert(_ question: Question, revision: UInt64, _ admission: Admission) {
        let entry = Entry(question, admission)
        let slot = question.slot
        // A change counts the revision up before it removes what is here.
        slots.withLock { slots in
            if ring.revision == revision { slots[slot] = entry }
        }
    }

    private func removeAll() {
        slots.withLock { slots in
            for slot in slots.indices { slots[slot] = nil }
        }
    }

    private static func same(_ one: [UInt8], _ other: UnsafeRawBufferPointer) -> Bool {
        guard one.count == other.count else { return false }
        guard let start = other.baseAddress else { return true }
        return one.withUnsafeBytes { bytes in
            bytes.baseAddress.map { memcmp($0, start, other.count) == 0 } ?? true
        }
    }
}
