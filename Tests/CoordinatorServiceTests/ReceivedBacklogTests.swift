import Contracts
import ReplicationLog
import Synchronization
import Testing

@testable import CoordinatorService

@Suite("What was received and is not stored yet", .timeLimit(.minutes(1)))
struct ReceivedBacklogTests {
    private func item(_ sequence: UInt64) throws -> ReceivedBacklog.Item {
        var message = CoordinatorSubscribeResponse()
        message.stream = "control"
        message.through.stream = "control"
        message.through.sequence = sequence
        let batch = try ReceivedBatch(
            sender: "eu-west-1", logID: "x", stream: "control", entries: [], after: 0,
            through: message.through, compactedThrough: sequence, purgedThrough: 0
        ).validated()
        return ReceivedBacklog.Item(message: message, batch: batch)
    }

    @Test("everything is taken once and in order, and who puts waits until it is stored")
    func inOrder() async throws {
        let backlog = ReceivedBacklog()
        let stored = Mutex<[UInt64]>([])
        let storing = Task {
            while true {
                let items = try await backlog.take()
                try await Task.sleep(for: .milliseconds(1))
                stored.withLock { $0 += items.map(\.message.through.sequence) }
            }
        }
        for sequence in 1...5_000 as ClosedRange<UInt64> {
            try await backlog.put(item(sequence))
        }
        try await backlog.drained()
        #expect(stored.withLock { $0 } == Array(1...5_000))
        storing.cancel()
        _ = await storing.result
    }

    @Test("who puts too much waits, and either side can be cancelled")
    func bounded() async throws {
        let backlog = ReceivedBacklog()
        let count = Mutex(0)
        let putting = Task {
            for sequence in 1...10_000 as ClosedRange<UInt64> {
                try await backlog.put(item(sequence))
                count.withLock { $0 += 1 }
            }
        }
        try await Task.sleep(for: .milliseconds(100))
        #expect(count.withLock { $0 } < 2_000)
        putting.cancel()
        await #expect(throws: CancellationError.self) { try await putting.value }
        _ = try await backlog.take()
        let taking = Task { _ = try await backlog.take() }
        try await Task.sleep(for: .milliseconds(20))
        taking.cancel()
        await #expect(throws: CancellationError.self) { try await taking.value }
    }
}
