/// Where an entry is in the log.
package struct EntryPlace: Hashable, Sendable {
    package let stream: StreamName
    package let sequence: UInt64

    package init(stream: StreamName, sequence: UInt64) {
        self.stream = stream
        self.sequence = sequence
    }
}

/// Places entries of all streams on one number line: stream << 47 | sequence.
package enum EntryID {
    package static func make(stream: Int64, sequence: UInt64) -> Int64 {
        stream << 47 | Int64(sequence)
    }

    package static func sequence(of id: Int64) -> UInt64 { UInt64(id & (1 << 47 - 1)) }

    /// All entries of a stream after a sequence.
    package static func range(stream: Int64, after sequence: UInt64) -> ClosedRange<Int64> {
        make(stream: stream, sequence: sequence) + 1...((stream + 1) << 47 - 1)
    }
}
