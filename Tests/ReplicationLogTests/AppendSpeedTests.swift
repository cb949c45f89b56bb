import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf
import Testing

/// Figures, not verdicts: `PORTOLAN_MEASURE=1 swift test -c release --filter AppendSpeedTests`.
@Suite(
    "Speed of the log", .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["PORTOLAN_MEASURE"] != nil))
struct AppendSpeedTests {
    private func records(_ count: Int, _ prefix: String, _ value: Data) -> [LogRecord] {
        (0..<count).map { index in
            .with {
                $0.key = "\(prefix)/\(UUID().uuidString)-\(index)"
                $0.version = 1
                $0.value = value
            }
        }
    }

    @Test(
        "durable appends", arguments: [(64, 500, 1), (64, 20, 100), (1, 500, 1)])
    func appends(_ callers: Int, _ appends: Int, _ size: Int) async throws {
        let fixture = try EngineFixture(.sqlite)
        let engine = try await fixture.primary()
        let value = Data((0..<300).map { _ in UInt8.random(in: 0...255) })
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<callers {
                group.addTask {
                    for _ in 0..<appends {
                        _ = try await engine.append(
                            Sample.append(
                                records(size, "user/\(caller)", value),
                                requestID: UUID().uuidString))
                    }
                }
            }
            try await group.waitForAll()
        }
        report("\(callers) callers x \(size)", callers * appends * size, since: start)
        #expect(
            engine.state.position(of: .control).sequence == UInt64(callers * appends * size))
    }

    @Test("an initial copy of 100,000 entries")
    func copy() async throws {
        let fixtures = [try EngineFixture(.sqlite), try EngineFixture(.sqlite)]
        let primary = try await fixtures[0].primary()
        let value = Data((0..<300).map { _ in UInt8.random(in: 0...255) })
        for _ in 0..<20 {
            _ = try await primary.append(Sample.append(records(5_000, "user", value)))
        }
        let replica = try fixtures[1].open(Sample.replica)
        try await replica.establish(Sample.identity(region: Sample.replica))
        let start = ContinuousClock.now
        var after: UInt64 = 0
        while after < 100_000 {
            let batch = try await primary.batch(after: after)
            after = try await replica.apply(batch.validated()).sequence
        }
        report("initial copy", 100_000, since: start)
        #expect(replica.state.digests == primary.state.digests)
    }

    private func report(_ name: String, _ count: Int, since start: ContinuousClock.Instant) {
        let seconds = start.duration(to: .now) / .seconds(1)
        print("\(name): \(Int(Double(count) / seconds)) entries/s")
    }
}
