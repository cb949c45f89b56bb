package import Contracts

/// One compare-and-append.
package struct AppendCommand: Sendable {
    package var stream: StreamName
    package var domain: String
    /// Sequence of the domain's last entry in the stream as the caller knows it; nil appends
    /// whatever it is, for records whose content depends on nothing (canaries).
    package var expectedDomainSequence: UInt64?
    /// Instead: the request ID of an append whose last record has to be the domain's last entry.
    package var afterRequestID: String?
    package var records: [LogRecord]
    package var events: [TrailDraft]
    /// Empty: no protection against repeats.
    package var requestID: String
    package var writtenAtMicroseconds: Int64
    /// With an append to the control stream: the change of the primary that goes with it.
    package var succession: Succession?
    /// The log as the caller reads it: what it has applied of another reading is void. Nil: not compared.
    package var readingID: String?

    package init(
        stream: StreamName, domain: String, expectedDomainSequence: UInt64?,
        records: [LogRecord], events: [TrailDraft] = [], requestID: String = "",
        writtenAtMicroseconds: Int64, succession: Succession? = nil
    ) {
        self.stream = stream
        self.domain = domain
        self.expectedDomainSequence = expectedDomainSequence
        self.records = records
        self.events = events
        self.requestID = requestID
        self.writtenAtMicroseconds = writtenAtMicroseconds
        self.succession = succession
    }

    /// The gate that the append has to pass, and the identity held once it is durable (nil: as
    /// before). The records of a Region that becomes the primary belong to the new reign already.
    package func admission(
        _ state: LogState
    ) throws(LogError) -> (gate: WriteGate, identity: LogIdentity?) {
        guard let succession else { return (state.gate, nil) }
        guard stream == .control, let identity = state.identity else {
            throw LogError(
                .regionNotEnabled, "The Region \(state.region) holds no instance.")
        }
        let head = state.position(of: .control).sequence
        if succession.primaryRegion == state.region {
            let next = try identity.succeeded(by: succession, at: head)
            return (WriteGate(identity: next, region: state.region), next)
        }
        let next = try identity.succeeded(by: succession, at: head + UInt64(records.count))
        return (state.gate, next)
    }
}

/// Where an append has its place.
package struct AppendOutcome: Hashable, Sendable {
    /// Position of the last record; the head of the stream when there was none.
    package var position: LogPosition
    package var firstSequence: UInt64
    package var writtenAtMicroseconds: Int64
}

/// What to read of a stream.
package struct ReadQuery: Sendable {
    package var stream: StreamName
    /// Entries after where the reader stands, which is the end of a commit (or 0).
    package var place: ReadingPlace
    /// Only entries of these domains; nil: all.
    package var domains: Set<String>?
    /// The batch ends with the first commit that reaches a limit.
    package var entriesMax: Int
    package var bytesMax: Int

    package var after: UInt64 { place.after }

    package init(
        stream: StreamName, after: UInt64, domains: Set<String>? = nil, entriesMax: Int = 2_000,
        bytesMax: Int = 1 << 20
    ) {
        self.init(
            stream: stream, from: ReadingPlace(after: after), domains: domains,
            entriesMax: entriesMax, bytesMax: bytesMax)
    }

    package init(
        stream: StreamName, from place: ReadingPlace, domains: Set<String>? = nil,
        entriesMax: Int = 2_000, bytesMax: Int = 1 << 20
    ) {
        self.stream = stream
        self.place = place
        self.domains = domains
        self.entriesMax = entriesMax
        self.bytesMax = bytesMax
    }

    /// Whether a reader that stands there can be served by a stream that stands here.
    package func checkStanding(head: UInt64, purged: UInt64) throws(LogError) {
        guard after <= head else {
            throw LogError(
                .logMismatch,
                "\(stream) stands at \(head) here, before the reader at \(after).")
        }
        guard place.isServed(purged: purged) else {
            throw LogError(
                .positionExpired,
                "Deletions after \(after) in \(stream) are no longer kept: copy again.")
        }
    }
}

/// Entries read, and where they lead.
package struct ReadResult: Sendable {
    package var entries: [LogEntry]
    /// Where a reader stands after these entries.
    package var through: LogPosition
    /// Whether `through` was the head when it was read.
    package var isAtHead: Bool
    package var compactedThrough: UInt64
    /// Tombstones up to here were gone when it was read.
    package var purgedThrough: UInt64

    package init(
        entries: [LogEntry], through: LogPosition, isAtHead: Bool, compactedThrough: UInt64,
        purgedThrough: UInt64
    ) {
        self.entries = entries
        self.through = through
        self.isAtHead = isAtHead
        self.compactedThrough = compactedThrough
        self.purgedThrough = purgedThrough
    }
}

/// How far a compaction may go in one stream.
package struct CompactionRequest: Sendable {
    package var stream: StreamName
    /// Nothing superseded after this sequence is removed: the slowest replica's position.
    package var through: UInt64
    /// Tombstones written before this moment are removed; nil keeps all.
    package var tombstonesBeforeMicroseconds: Int64?
    /// Entries that are removed in one step. Writers wait for a step to end.
    package var limit: Int

    /// The oldest tombstones of a stream, of which those are removed that are old enough. Where a clock has
    /// run ahead they may not be in the order of their times.
    package static let tombstonesLookedAt = 10_000

    package init(
        stream: StreamName, through: UInt64, tombstonesBeforeMicroseconds: Int64?,
        limit: Int = 500
    ) {
        self.stream = stream
        self.through = through
        self.tombstonesBeforeMicroseconds = tombstonesBeforeMicroseconds
        self.limit = limit
    }
}

package struct CompactionOutcome: Hashable, Sendable {
    package var removed: Int
    /// Whether the limit was reached and there is more to do.
    package var hasMore: Bool
}
