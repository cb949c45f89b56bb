import Contracts
import Foundation
import ReplicationLog
import ServiceKit
import SwiftProtobuf
import Testing

@testable import CoordinatorService

@Suite("Backups and moving a log")
struct LogTransferTests {
    @Test("each backup of a running Region is a moment that can be restored")
    func points() async throws {
        let place = try LogPlace()
        let store = place.store("source")
        let engine = try await place.primary(store)
        let clock = Clock()
        let transfer = LogTransfer(store, now: { clock.next() })
        var digests: [[LogDomainDigest]] = []
        for round in 1...3 {
            for index in 0..<20 { try await LogPlace.append(engine, "\(round)-\(index)") }
            let point = try await transfer.backUp(to: place.series, isWhole: false)
            #expect(point.number == round)
            #expect(point.isWhole == (round == 1))
            digests.append(engine.state.digests)
        }
        for number in 1...3 {
            let target = place.store("target-\(number)")
            let summary = try await LogTransfer(target).restore(
                from: place.series, number: number)
            #expect(summary.entries == UInt64(number * 20))
            let restored = try target.open()
            #expect(restored.state.digests == digests[number - 1])
            await restored.close()
        }
        await engine.close()
    }

    @Test("a restored Region writes nothing before it has been proved")
    func readOnly() async throws {
        let place = try LogPlace()
        let engine = try await place.primary(place.store("source"))
        try await LogPlace.append(engine, "a")
        let transfer = LogTransfer(place.store("source"))
        _ = try await transfer.backUp(to: place.series, isWhole: false)
        let target = place.store("target")
        _ = try await LogTransfer(target).restore(from: place.series, number: 1)
        let restored = try target.open()
        let error = await #expect(throws: LogError.self) {
            try await LogPlace.append(restored, "b")
        }
        #expect(error?.code == .regionNotEnabled)
        #expect(restored.state.identity?.isRestored == true)
        await restored.close()
        await engine.close()
    }

    @Test("a store that holds a log, another Region's and a damaged or missing file are refused")
    func refused() async throws {
        let place = try LogPlace()
        let engine = try await place.primary(place.store("source"))
        try await LogPlace.append(engine, "a")
        let transfer = LogTransfer(place.store("source"))
        _ = try await transfer.backUp(to: place.series, isWhole: false)
        try await LogPlace.append(engine, "b")
        let second = try await transfer.backUp(to: place.series, isWhole: false)
        await engine.close()
        await #expect(throws: LogError.self) {
            _ = try await transfer.restore(from: place.series, number: 1)
        }
        await #expect(throws: LogError.self) {
            _ = try await LogTransfer(place.store("other", region: "eu-west-1")).restore(
                from: place.series, number: 1)
        }
        var bytes = try Data(contentsOf: second.url)
        bytes[bytes.count - 50] ^= 4
        try bytes.write(to: second.url)
        await #expect(throws: LogError.self) {
            _ = try await LogTransfer(place.store("damaged")).restore(
                from: place.series, number: 2)
        }
        try FileManager.default.removeItem(at: place.series.url(of: 1))
        await #expect(throws: LogError.self) {
            _ = try await LogTransfer(place.store("gap")).restore(from: place.series, number: 2)
        }
    }

    private final class Clock: Sendable {
        func next() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }
    }

    // MARK: - Verdicts

    private func state(_ head: UInt64, primary: String, mayWrite: Bool = true) -> LogState {
        var state = LogState(
            region: "eu-central-1",
            identity: LogIdentity(
                logID: LogPlace.logID, region: "eu-central-1", primaryRegion: primary, epoch: 1,
                mayWriteOwnStream: mayWrite))
        var stream = StreamState(name: .control, id: 1)
        stream.head = head
        stream.domains["directory"] = DomainState(id: 1)
        state.streams[.control] = stream
        return state
    }

    private func digest(at sequence: UInt64, keys: UInt64 = 0) -> [LogDomainDigest] {
        [
            .with {
                $0.stream = "control"
                $0.domain = "directory"
                $0.sequence = sequence
                $0.liveKeys = keys
                $0.sum = Data(count: 32)
            }
        ]
    }

    @Test("a restored primary is proved only when all others have answered and none has seen more")
    func verdicts() {
        let here = state(7, primary: "eu-central-1")
        #expect(
            RestoreVerdict.of(here, others: ["eu-west-1": digest(at: 8)])
                == .behind(region: "eu-west-1", stream: .control))
        #expect(
            RestoreVerdict.of(here, others: ["eu-west-1": digest(at: 7, keys: 3)])
                == .differs(
                    region: "eu-west-1", stream: .control, domains: ["directory"]))
        #expect(
            RestoreVerdict.of(here, others: ["eu-west-1": digest(at: 5), "us-east-1": nil])
                == .waiting("us-east-1 cannot be asked."))
        #expect(RestoreVerdict.of(here, others: ["eu-west-1": digest(at: 5)]) == .proved)
        #expect(RestoreVerdict.of(here, others: [:]) == .proved)
    }

    @Test("a restored replica is proved once its own stream is back and it has caught up")
    func replicaVerdicts() {
        let waiting = state(7, primary: "eu-west-1", mayWrite: false)
        #expect(RestoreVerdict.of(waiting, others: ["eu-west-1": digest(at: 7)]) != .proved)
        let here = state(7, primary: "eu-west-1")
        #expect(RestoreVerdict.of(here, others: ["eu-west-1": digest(at: 9)]) != .proved)
        #expect(RestoreVerdict.of(here, others: ["eu-west-1": digest(at: 7)]) == .proved)
    }
}
