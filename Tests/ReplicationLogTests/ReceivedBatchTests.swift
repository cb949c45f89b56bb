import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf
import Testing

@Suite("Received batches")
struct ReceivedBatchTests {
    /// Two commits: 1...2 and 3.
    private func batch() -> ReceivedBatch {
        let entries = [entry(1, commit: 2), entry(2, commit: 2), entry(3, commit: 3)]
        return ReceivedBatch(
            sender: Sample.primary, logID: Sample.logID, stream: "control", entries: entries,
            after: 0, through: through(3), compactedThrough: 0, purgedThrough: 0)
    }

    private func entry(_ sequence: UInt64, commit: UInt64, epoch: UInt64 = 1) -> LogEntry {
        var entry = LogEntry.with {
            $0.stream = "control"
            $0.sequence = sequence
            $0.epoch = epoch
            $0.commit = commit
            $0.domain = "directory"
            $0.key = "user/\(sequence)"
            $0.version = 1
            $0.value = Data("v".utf8)
        }
        entry.checksum = entry.computedChecksum
        return entry
    }

    private func through(_ sequence: UInt64, epoch: UInt64 = 1) -> LogPosition {
        .with {
            $0.stream = "control"
            $0.sequence = sequence
            $0.epoch = epoch
        }
    }

    private func refusal(_ batch: ReceivedBatch) -> LogError.Code? {
        do {
            _ = try batch.validated()
            return nil
        } catch {
            return error.code
        }
    }

    @Test("a good batch is taken")
    func good() {
        #expect(refusal(batch()) == nil)
    }

    @Test("an entry changed on its way is noticed, whatever was changed")
    func altered() {
        let changes: [(inout LogEntry) -> Void] = [
            { $0.value = Data("w".utf8) }, { $0.key = "user/9" }, { $0.version = 2 },
            { $0.domain = "permission" }, { $0.writtenAtUs = 1 }, { $0.checksum ^= 1 },
            {
                $0.tombstone = true; $0.value = Data()
            },
        ]
        for change in changes {
            var entries = batch().entries
            change(&entries[1])
            #expect(refusal(batch().with(entries: entries)) == .checksumMismatch)
        }
    }

    @Test("a missing, doubled or reordered entry is a gap")
    func order() {
        let entries = batch().entries
        #expect(refusal(batch().with(entries: [entries[0], entries[2]])) == .gap)
        #expect(refusal(batch().with(entries: [entries[0], entries[0], entries[1]])) == .gap)
        #expect(refusal(batch().with(entries: [entries[1], entries[0], entries[2]])) == .gap)
        #expect(refusal(batch().with(entries: Array(entries.dropFirst()))) == .gap)
        #expect(refusal(batch().with(entries: Array(entries.dropLast()))) == .gap)
    }

    @Test("a batch that ends within a commit is refused")
    func torn() {
        let entries = batch().entries
        #expect(refusal(batch().with(entries: [entries[0]], through: through(1))) == .gap)
    }

    @Test("holes are taken only where the sender has compacted")
    func compacted() {
        let entries = batch().entries
        let sparse = batch().with(entries: [entries[1], entries[2]])
        #expect(refusal(sparse) == .gap)
        #expect(refusal(sparse.with(compactedThrough: 1)) == nil)
        let trailing = batch().with(entries: [entries[0], entries[1]], compactedThrough: 3)
        #expect(refusal(trailing) == nil)
    }

    @Test("numbers at the end of their range are refused, not trapped on")
    func extremes() {
        #expect(refusal(batch().with(through: through(.max))) == .invalidRecord)
        #expect(refusal(batch().with(after: .max)) == .invalidRecord)
        let huge = entry(.max, commit: .max)
        #expect(refusal(batch().with(entries: [huge])) == .gap)
    }

    @Test("epochs do not go back within a batch")
    func epochs() {
        let entries = [
            entry(1, commit: 1, epoch: 2), entry(2, commit: 2, epoch: 1),
        ]
        #expect(refusal(batch().with(entries: entries, through: through(2, epoch: 2))) == .gap)
        #expect(
            refusal(batch().with(entries: [entries[0]], through: through(1, epoch: 1)))
                == .epochStale)
    }

    @Test("entries of another stream, without a key or over a limit are refused")
    func form() {
        var stranger = entry(1, commit: 1)
        stranger.stream = "region/eu-west-1"
        var nameless = entry(1, commit: 1)
        nameless.key = ""
        var big = entry(1, commit: 1)
        big.value = Data(count: AppendRules.valueBytesMax + 1)
        for entry in [stranger, nameless, big] {
            #expect(
                refusal(batch().with(entries: [entry], through: through(1))) == .invalidRecord)
        }
    }
}
