import Contracts
import ReplicationLog
import SwiftProtobuf
import Testing

@Suite("Moments between backups: where streams are cut")
struct MomentScanTests {
    private func entry(_ sequence: UInt64, at time: Int64) -> BackupStoredEntry {
        .with {
            $0.entry.stream = "control"
            $0.entry.sequence = sequence
            $0.entry.epoch = 1
            $0.entry.writtenAtUs = time
        }
    }

    private func header(
        _ after: UInt64, _ head: UInt64, compacted: UInt64 = 0, purged: UInt64 = 0
    ) -> BackupHeader {
        .with {
            $0.streams = [
                .with {
                    $0.name = "control"
                    $0.after = after
                    $0.head.sequence = head
                    $0.head.epoch = 1
                    $0.compactedThrough = compacted
                    $0.purgedThrough = purged
                }
            ]
        }
    }

    private func scan(
        _ moment: Int64, _ files: [(BackupHeader, [BackupStoredEntry])]
    ) -> MomentScan {
        var scan = MomentScan(moment: moment)
        for (header, entries) in files {
            scan.begin(header)
            scan.take(.with { $0.entries = entries })
            scan.end()
        }
        return scan
    }

    /// Ten entries, one each ten microseconds, without some.
    private func entries(without missing: Set<UInt64> = []) -> [BackupStoredEntry] {
        (1...10).filter { !missing.contains($0) }.map { entry($0, at: Int64($0) * 10) }
    }

    @Test("the cut is behind the last entry whose time is not after the moment", arguments: 0...12)
    func cut(_ step: Int) {
        let file = [(header(0, 10), entries())]
        for moment in [step * 10, step * 10 + 9] {
            let scan = scan(Int64(moment), file)
            #expect(scan.cuts.map(\.sequence) == [UInt64(min(step, 10))])
            #expect(scan.inexact.isEmpty)
            #expect(scan.lastChangeMicroseconds == Int64(min(step, 10) * 10))
        }
    }

    @Test("where clocks went back, what came before the last such entry stays")
    func clocks() {
        let some = [entry(1, at: 10), entry(2, at: 30), entry(3, at: 20), entry(4, at: 40)]
        #expect(scan(20, [(header(0, 4), some)]).cuts.first?.sequence == 3)
        #expect(scan(19, [(header(0, 4), some)]).cuts.first?.sequence == 1)
    }

    /// 4 has been replaced by 7 and removed: between them nobody knows what stood there.
    @Test("a moment between what was removed and what replaced it cannot be had", arguments: 1...10)
    func hole(_ sequence: UInt64) {
        let scan = scan(
            Int64(sequence) * 10, [(header(0, 10, compacted: 7), entries(without: [4]))])
        #expect(scan.inexact.isEmpty == !(3...6).contains(sequence))
        guard !scan.inexact.isEmpty else { return }
        #expect(scan.exactBefore == 29)
        #expect(scan.exactFrom == 70)
    }

    @Test("the named moments on both sides can be had")
    func nearest() {
        let file = [(header(0, 10, compacted: 7), entries(without: [4, 5]))]
        let refused = scan(60, file)
        for moment in [refused.exactBefore, refused.exactFrom] {
            #expect(scan(moment ?? 60, file).inexact.isEmpty)
        }
    }

    @Test("a hole in one file says nothing of what the next file brings")
    func files() {
        let first = (
            header(0, 5, compacted: 4), [entry(2, at: 20), entry(4, at: 40), entry(5, at: 50)]
        )
        let second = (
            header(5, 8, compacted: 4), [entry(6, at: 60), entry(7, at: 70), entry(8, at: 80)]
        )
        #expect(scan(20, [first, second]).inexact == [.control])
        for moment: Int64 in [40, 50, 65, 80] {
            #expect(scan(moment, [first, second]).inexact.isEmpty)
        }
        // The first entry after the point was removed: it may have been written before the moment.
        let holed = (header(5, 8, compacted: 8), [entry(7, at: 70), entry(8, at: 80)])
        #expect(scan(50, [first]).inexact.isEmpty)
        #expect(scan(55, [first, holed]).inexact == [.control])
        #expect(scan(80, [first, holed]).inexact.isEmpty)
    }

    @Test("a stream that is brought whole again forgets what the files before held")
    func again() {
        let first = (header(0, 3), [entry(1, at: 10), entry(2, at: 20), entry(3, at: 30)])
        let whole = (header(0, 6, compacted: 6), [entry(3, at: 30), entry(6, at: 60)])
        #expect(scan(30, [first, whole]).inexact == [.control])
        #expect(scan(60, [first, whole]).cuts.map(\.sequence) == [6])
        let gone = (BackupHeader(), [BackupStoredEntry]())
        #expect(scan(60, [first, gone]).cuts.isEmpty)
    }

    @Test("deletions that are no longer remembered may be missing at the end")
    func purged() {
        let file = (header(0, 5, compacted: 5, purged: 5), [entry(1, at: 10), entry(3, at: 30)])
        let scan = scan(90, [file])
        #expect(scan.cuts.map(\.sequence) == [5])
        #expect(scan.inexact.isEmpty)
        // What they deleted was there before the file was made.
        var late = file
        late.0.takenAtUs = 100
        #expect(self.scan(90, [late]).inexact == [.control])
        #expect(self.scan(100, [late]).inexact.isEmpty)
    }
}
