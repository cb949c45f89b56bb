package import Contracts

/// A change of one key that a writer wants.
package struct RecordChange: Sendable {
    enum Content: Sendable {
        /// To be sealed.
        case sealed([UInt8])
        /// Stored as it is; for data keys only.
        case plain([UInt8])
        case tombstone
    }

    package let key: String
    /// 1 for a new key, else one more than before.
    package let version: UInt64
    let content: Content

    init(key: String, version: UInt64, content: Content) {
        self.key = key
        self.version = version
        self.content = content
    }

    /// The whole new value of a key; at most 200 KiB.
    package static func put(_ key: String, version: UInt64, _ value: [UInt8]) -> RecordChange {
        RecordChange(key: key, version: version, content: .sealed(value))
    }

    package static func delete(_ key: String, version: UInt64) -> RecordChange {
        RecordChange(key: key, version: version, content: .tombstone)
    }

    /// Bytes on the wire, seal and framing included.
    var byteCount: Int {
        switch content {
        case .sealed(let value), .plain(let value): key.utf8.count + value.count + 96
        case .tombstone: key.utf8.count + 32
        }
    }
}

/// What one request wants to write, decided against the present state.
///
/// Requests that are decided in one batch must not depend on each other. A request therefore names
/// what it relied on: the keys it changes count by themselves; `exclusive` adds what nobody else may
/// touch or rely on (a user name), `shared` what it needs unchanged (a group that must exist).
/// A request that collides is decided again in the next batch.
package struct DomainWrite<Answer: Sendable>: Sendable {
    package var changes: [RecordChange]
    package var events: [TrailEvent]
    package var exclusive: [String]
    package var shared: [String]
    package var answer: Answer

    package init(
        _ answer: Answer, changes: [RecordChange] = [], events: [TrailEvent] = [],
        exclusive: [String] = [], shared: [String] = []
    ) {
        self.answer = answer
        self.changes = changes
        self.events = events
        self.exclusive = exclusive
        self.shared = shared
    }
}

/// A durable write.
package struct Written<Answer: Sendable>: Sendable {
    package let answer: Answer
    /// Demand it of a read, in any Region, to see the write.
    package let position: LogPosition
}
