import Testing

@testable import ReplicatedState

@Suite("Records held against the log")
struct RecordComparisonTests {
    private typealias Record = RecordComparison.Record

    /// Tells of an entry to a comparison, as the state was just then.
    private func take(
        _ comparison: inout RecordComparison, _ key: String, _ sequence: UInt64, _ version: UInt64,
        isTombstone: Bool = false, held: UInt64?, stand: UInt64
    ) {
        Array(key.utf8).withUnsafeBytes { bytes in
            comparison.take(
                RecordComparison.Said(
                    sequence: sequence, version: version, isTombstone: isTombstone),
                of: bytes, in: "control", held: held, stand: stand)
        }
    }

    private func differing(
        _ comparison: RecordComparison, _ held: [String: UInt64?], stand: UInt64
    ) -> [String] {
        var versions: [Record: UInt64?] = [:]
        for (key, version) in held {
            versions.updateValue(version, forKey: Record(stream: "control", key: key))
        }
        return comparison.differences(held: versions, stands: ["control": stand]).map(\.key)
    }

    @Test("a record that is missing, old, too new or not deleted differs")
    func differences() {
        var comparison = RecordComparison()
        take(&comparison, "missing", 1, 1, held: nil, stand: 9)
        take(&comparison, "old", 2, 2, held: 1, stand: 9)
        take(&comparison, "new", 3, 1, held: 2, stand: 9)
        take(&comparison, "deleted", 4, 2, isTombstone: true, held: 1, stand: 9)
        let held: [String: UInt64?] = ["missing": nil, "old": 1, "new": 2, "deleted": 1]
        #expect(
            differing(comparison, held, stand: 9) == ["deleted", "missing", "new", "old"])
        #expect(comparison.settled == 0)
    }

    @Test("a missing record differs also when the log goes on to speak of it beyond the state")
    func goesOn() {
        var comparison = RecordComparison()
        take(&comparison, "a", 1, 1, held: nil, stand: 3)
        take(&comparison, "a", 5, 2, isTombstone: true, held: nil, stand: 3)
        #expect(differing(comparison, ["a": nil], stand: 3) == ["a"])
        // Standing there the state has what the log says.
        #expect(differing(comparison, ["a": nil], stand: 5) == [])
    }

    @Test("what the state has or may not have yet does not differ")
    func equal() {
        var comparison = RecordComparison()
        take(&comparison, "a", 1, 1, held: 1, stand: 9)
        take(&comparison, "b", 2, 2, isTombstone: true, held: nil, stand: 9)
        take(&comparison, "c", 3, 3, isTombstone: true, held: 3, stand: 9)
        take(&comparison, "later", 12, 1, held: nil, stand: 9)
        #expect(comparison.open.isEmpty)
        #expect(comparison.settled == 1)
        #expect(comparison.entries == 4)
    }

    @Test("a record that has been changed more than once is settled by its newest entry")
    func superseded() {
        var comparison = RecordComparison()
        take(&comparison, "a", 1, 1, held: 2, stand: 9)
        take(&comparison, "b", 2, 1, held: nil, stand: 9)
        #expect(comparison.open.count == 2)
        take(&comparison, "a", 3, 2, held: 2, stand: 9)
        take(&comparison, "b", 4, 2, isTombstone: true, held: nil, stand: 9)
        #expect(comparison.open.isEmpty)
        #expect(comparison.settled == 1)
    }

    @Test("a record is judged only by a state that was asked for it")
    func notAsked() {
        var comparison = RecordComparison()
        take(&comparison, "a", 1, 1, held: 2, stand: 9)
        #expect(differing(comparison, [:], stand: 9) == [])
        // Deleted, and made again with a version that it had before.
        take(&comparison, "a", 2, 3, isTombstone: true, held: 2, stand: 9)
        take(&comparison, "a", 3, 2, held: 2, stand: 9)
        #expect(comparison.open.isEmpty)
    }
}
