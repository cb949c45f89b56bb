import Contracts

/// What a state holds of each record, held against what the log says of it.
///
/// A value: what is read, and when, is the caller's. The log is told from its beginning and in order,
/// while the state goes on. A record that the state has as an entry says is settled; any other is
/// suspect until a later entry says what the state has. What is suspect at the end is judged by all that
/// the log says up to where the state stood when it was asked.
struct RecordComparison {
    struct Record: Hashable {
        let stream: String
        let key: String
    }

    /// What an entry says of its record.
    struct Said {
        let sequence: UInt64
        let version: UInt64
        let isTombstone: Bool

        /// Whether a state that has this version of the record, or none, has what the entry says. Some
        /// states remember the version of what has been deleted.
        func isHeld(as version: UInt64?) -> Bool {
            version == self.version || isTombstone && version == nil
        }
    }

    /// More than that are not followed: so much changes that the comparison is worth nothing.
    static let suspectsMax = 100_000

    private var suspects: [Record: [Said]] = [:]
    /// Records that are live, and which the state has as the log says.
    private(set) var settled: UInt64 = 0
    private(set) var entries: UInt64 = 0

    var isTooMuch: Bool { suspects.count > Self.suspectsMax }

    /// Records that have to be asked for before they are judged.
    var open: [Record] { Array(suspects.keys) }

    /// Takes in the next entry of a stream, and the version of its record in a state that stands at
    /// `stand` there.
    mutating func take(
        _ said: Said, of key: UnsafeRawBufferPointer, in stream: String, held version: UInt64?,
        stand: UInt64
    ) {
        entries += 1
        let isHeld = said.sequence <= stand && said.isHeld(as: version)
        if isHeld, !said.isTombstone { settled += 1 }
        if isHeld, suspects.isEmpty { return }
        let record = Record(stream: stream, key: String(wire: key))
        if isHeld {
            suspects[record] = nil
        } else if suspects[record] != nil {
            suspects[record]?.append(said)
        } else if said.sequence <= stand {
            suspects[record] = [said]
        }
    }

    /// Records that a state does not have as the log says, of those that it was asked for while they were
    /// suspect. `held` are their versions at one moment, `stands` where the state stood then; the log has
    /// been told beyond that.
    func differences(held: [Record: UInt64?], stands: [String: UInt64]) -> [Record] {
        suspects.compactMap { record, said in
            let stand = stands[record.stream] ?? 0
            guard let version = held[record],
                let newest = said.last(where: { $0.sequence <= stand })
            else { return nil }
            return newest.isHeld(as: version) ? nil : record
        }.sorted { ($0.stream, $0.key) < ($1.stream, $1.key) }
    }
}
