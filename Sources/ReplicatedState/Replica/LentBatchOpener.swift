import Contracts
import Cryptography
import Foundation

/// Opens the entries of a lent batch into one piece of memory, with data keys that are held.
struct LentBatchOpener {
    /// Why a batch has to go the general way, where keys are fetched and problems are told apart.
    enum Obstacle: Error {
        /// It brings data keys, or needs one that is not held, or something in it does not open.
        case present
    }

    private let instanceARN: String
    private let key: (String) -> SealingKey?
    /// The domain that the associated data begins with.
    private var domain: [UInt8] = []
    private var domainName = ""
    private var associatedData: [UInt8] = []
    private var prefixCount = 0
    /// The data key that sealed the record before.
    private var keyID: [UInt8] = []
    private var sealingKey: SealingKey?

    init(instanceARN: String, key: @escaping (String) -> SealingKey?) {
        self.instanceARN = instanceARN
        self.key = key
    }

    /// Opens what comes after a sequence.
    ///
    /// Throws: `Obstacle`.
    mutating func open(_ batch: LentBatch, after stand: UInt64) throws -> OpenedBatch {
        let entries = batch.entries.drop { $0.sequence <= stand }
        var opened = OpenedBatch(
            stream: batch.stream, entryCount: entries.count,
            byteCount: entries.reduce(0) { $0 + $1.value.count })
        for entry in entries {
            guard !entry.isDataKey else { throw Obstacle.present }
            if domainName.isEmpty || !entry.domain.isSame(as: domain) { enter(entry.domain) }
            guard !entry.isTombstone else {
                opened.add(entry, domain: domainName)
                continue
            }
            try open(entry, into: &opened)
        }
        return opened
    }

    private mutating func open(_ entry: LentBatch.Entry, into opened: inout OpenedBatch) throws {
        guard let sealed = SealedParts(entry.value) else { throw Obstacle.present }
        if sealingKey == nil || !sealed.keyID.isSame(as: keyID) {
            keyID = Array(sealed.keyID)
            sealingKey = key(String(wire: sealed.keyID))
        }
        guard let sealingKey else { throw Obstacle.present }
        associatedData.removeSubrange(prefixCount...)
        AssociatedData.append(entry.key, to: &associatedData)
        AssociatedData.append(entry.version, to: &associatedData)
        let count = sealed.ciphertext.count - AEADKey.tagByteCount
        do {
            try associatedData.withUnsafeBytes { associatedData in
                try opened.add(entry, domain: domainName, count: count) { output in
                    try sealingKey.key.open(
                        sealed.ciphertext, nonce: sealed.nonce, authenticating: associatedData,
                        into: output)
                }
            }
        } catch {
            throw Obstacle.present
        }
    }

    private mutating func enter(_ domain: UnsafeRawBufferPointer) {
        self.domain = Array(domain)
        domainName = String(wire: domain)
        associatedData.removeAll(keepingCapacity: true)
        var instanceARN = instanceARN
        instanceARN.withUTF8 {
            AssociatedData.append(UnsafeRawBufferPointer($0), to: &associatedData)
        }
        AssociatedData.append(domain, to: &associatedData)
        prefixCount = associatedData.count
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func isSame(as other: [UInt8]) -> Bool {
        guard count == other.count, let baseAddress else { return other.isEmpty && count == 0 }
        return other.withUnsafeBytes { memcmp(baseAddress, $0.baseAddress ?? baseAddress, count) }
            == 0
    }
}

/// Entries of one stream, opened, in order. The keys still lie in the message.
// Sendable so that it can be taken under the replica's lock: whoever made it waits for that, and the
// message outlives it.
struct OpenedBatch: @unchecked Sendable {
    struct Entry {
        let sequence: UInt64
        let epoch: UInt64
        let commit: UInt64
        let version: UInt64
        let domain: String
        let key: UnsafeRawBufferPointer
        /// Where the value lies in `values`; nil for a tombstone.
        let value: Range<Int>?
    }

    let stream: String
    private(set) var entries: [Entry] = []
    private var values: [UInt8]
    private var count = 0

    init(stream: String, entryCount: Int, byteCount: Int) {
        self.stream = stream
        values = [UInt8](unsafeUninitializedCapacity: byteCount) { $1 = byteCount }
        entries.reserveCapacity(entryCount)
    }

    fileprivate mutating func add(_ entry: LentBatch.Entry, domain: String) {
        entries.append(Self.entry(entry, domain, nil))
    }

    fileprivate mutating func add(
        _ entry: LentBatch.Entry, domain: String, count: Int,
        _ write: (UnsafeMutableRawBufferPointer) throws -> Void
    ) throws {
        let place = self.count..<self.count + count
        try values.withUnsafeMutableBytes {
            try write(UnsafeMutableRawBufferPointer(rebasing: $0[place]))
        }
        self.count += count
        entries.append(Self.entry(entry, domain, place))
    }

    private static func entry(
        _ entry: LentBatch.Entry, _ domain: String, _ value: Range<Int>?
    ) -> Entry {
        Entry(
            sequence: entry.sequence, epoch: entry.epoch, commit: entry.commit,
            version: entry.version, domain: domain, key: entry.key, value: value)
    }

    /// The end of a part that begins at an index and ends with a commit.
    func endOfCommits(from start: Int, atLeast count: Int) -> Int {
        var end = min(start + count, entries.count)
        while end < entries.count, entries[end].commit == entries[end - 1].commit { end += 1 }
        return end
    }

    /// Hands the entries of a part to `body`.
    func forEach(in part: Range<Int>, _ body: (Entry, LentChange) -> Void) {
        values.withUnsafeBytes { values in
            for entry in entries[part] {
                let value = entry.value.map { UnsafeRawBufferPointer(rebasing: values[$0]) }
                body(
                    entry,
                    LentChange(
                        stream: stream, domain: entry.domain, key: entry.key,
                        version: entry.version, value: value))
            }
        }
    }
}
