import Contracts
import Foundation
import SwiftProtobuf
import Testing

@testable import ReplicatedState

@Suite("Batches read in place")
struct LentBatchTests {
    private func response(_ change: (inout CoordinatorTailResponse) -> Void = { _ in }) throws
        -> [UInt8]
    {
        var response = CoordinatorTailResponse()
        response.batch.stream = "control"
        response.batch.through = .with {
            $0.stream = "control"
            $0.epoch = 3
            $0.sequence = 900
        }
        response.batch.after = 100
        response.batch.entries = (1...3 as ClosedRange<UInt64>).map { number in
            .with {
                $0.stream = "control"
                $0.sequence = 100 + number
                $0.epoch = 2
                $0.commit = 103
                $0.domain = "directory"
                $0.key = number == 3 ? "data-key/x" : "user/\(number)"
                $0.version = number
                $0.tombstone = number == 2
                $0.value = number == 2 ? Data() : Data(repeating: 7, count: Int(number) * 100)
                $0.checksum = 5
                $0.writtenAtUs = -1
            }
        }
        change(&response)
        return try response.serializedBytes()
    }

    @Test("they say what the message says")
    func same() throws {
        try response().withUnsafeBytes { bytes in
            let batch = try #require(LentBatch(bytes))
            #expect(batch.stream == "control")
            #expect(batch.through.epoch == 3 && batch.through.sequence == 900)
            #expect(batch.after == 100)
            #expect(batch.entries.map(\.sequence) == [101, 102, 103])
            #expect(batch.entries.map(\.epoch) == [2, 2, 2])
            #expect(batch.entries.map(\.commit) == [103, 103, 103])
            #expect(batch.entries.map(\.version) == [1, 2, 3])
            #expect(batch.entries.map(\.isTombstone) == [false, true, false])
            #expect(batch.entries.map(\.isDataKey) == [false, false, true])
            #expect(batch.entries.map { String(wire: $0.key) }.first == "user/1")
            #expect(batch.entries.map(\.value.count) == [100, 0, 300])
            #expect(batch.entries.allSatisfy { String(wire: $0.domain) == "directory" })
        }
    }

    @Test("anything else is left to the general way")
    func others() throws {
        let others = [
            try response { $0.start = .with { $0.logID = "x" } },
            try response { $0.caughtUp = .init() },
            try response { $0.reset.reason = "x" }, try response { $0.batch.stream = "" },
            try response { $0.batch.through.stream = "region/x" }, [], [0x12], [0x12, 0x05, 1],
        ]
        for bytes in others { bytes.withUnsafeBytes { #expect(LentBatch($0) == nil) } }
    }

    @Test("a message that is cut off is not taken")
    func cut() throws {
        let whole = try response()
        for count in 1..<whole.count {
            whole.withUnsafeBytes {
                #expect(LentBatch(UnsafeRawBufferPointer(rebasing: $0[..<count])) == nil)
            }
        }
    }

    @Test("a batch with a data key, or one sealed under a key that is not held, is not opened")
    func obstacles() throws {
        try response().withUnsafeBytes { bytes in
            let batch = try #require(LentBatch(bytes))
            var opener = LentBatchOpener(instanceARN: "arn:aws:sso:::instance/x") { _ in nil }
            #expect(throws: LentBatchOpener.Obstacle.self) { try opener.open(batch, after: 0) }
            #expect(throws: LentBatchOpener.Obstacle.self) { try opener.open(batch, after: 102) }
            #expect(try opener.open(batch, after: 103).entries.isEmpty)
        }
    }
}
