import Contracts

/// A batch of the tail where it lies in its message, so that a million entries make no million objects.
///
/// Lives as long as the bytes it was given.
struct LentBatch {
    struct Entry {
        var sequence: UInt64 = 0
        var epoch: UInt64 = 0
        var commit: UInt64 = 0
        var version: UInt64 = 0
        var isTombstone = false
        var domain = UnsafeRawBufferPointer(start: nil, count: 0)
        var key = UnsafeRawBufferPointer(start: nil, count: 0)
        var value = UnsafeRawBufferPointer(start: nil, count: 0)

        var isDataKey: Bool {
            key.first == UInt8(ascii: "d") && key.starts(with: HeldDataKey.keyPrefix.utf8)
        }
    }

    private(set) var stream = ""
    private(set) var through = LogPosition()
    /// It holds all that comes after this sequence.
    private(set) var after: UInt64 = 0
    private(set) var entries: [Entry] = []

    /// Reads a `CoordinatorTailResponse`; nil when it is no batch, or no such message.
    init?(_ message: UnsafeRawBufferPointer) {
        guard message.first == 0x12, let batch = WireReader.bytes(of: 2, in: message) else {
            return nil
        }
        var reader = WireReader(batch)
        while let field = reader.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let text)): stream = String(wire: text)
            case (2, .bytes(let entry)):
                guard let entry = Self.entry(entry) else { return nil }
                entries.append(entry)
            case (3, .bytes(let position)):
                guard let position = Self.position(position) else { return nil }
                through = position
            case (4, .varint(let number)): after = number
            default: break
            }
        }
        guard !reader.isMalformed, !stream.isEmpty, through.stream == stream else { return nil }
    }

    private static func entry(_ bytes: UnsafeRawBufferPointer) -> Entry? {
        var entry = Entry()
        var reader = WireReader(bytes)
        while let field = reader.next() {
            switch (field.number, field.value) {
            case (2, .varint(let number)): entry.sequence = number
            case (3, .varint(let number)): entry.epoch = number
            case (4, .varint(let number)): entry.commit = number
            case (5, .bytes(let bytes)): entry.domain = bytes
            case (6, .bytes(let bytes)): entry.key = bytes
            case (7, .varint(let number)): entry.version = number
            case (8, .varint(let flag)): entry.isTombstone = flag != 0
            case (9, .bytes(let bytes)): entry.value = bytes
            default: break
            }
        }
        return reader.isMalformed ? nil : entry
    }

    private static func position(_ bytes: UnsafeRawBufferPointer) -> LogPosition? {
        var position = LogPosition()
        var reader = WireReader(bytes)
        while let field = reader.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let text)): position.stream = String(wire: text)
            case (2, .varint(let number)): position.epoch = number
            case (3, .varint(let number)): position.sequence = number
            default: break
            }
        }
        return reader.isMalformed ? nil : position
    }
}

/// One change of one key, opened; its parts are lent for the call they are passed in.
package struct LentChange {
    package let stream: String
    package let domain: String
    package let key: UnsafeRawBufferPointer
    package let version: UInt64
    /// Nil for a tombstone.
    package let value: UnsafeRawBufferPointer?
}

extension DomainState {
    /// Takes over one change from bytes that are lent. States that copy what they keep anyway have
    /// their own.
    package func apply(_ change: LentChange) {
        apply(
            DomainChange(
                stream: change.stream, domain: change.domain, key: String(wire: change.key),
                version: change.version, value: change.value.map { Array($0) }))
    }
}
