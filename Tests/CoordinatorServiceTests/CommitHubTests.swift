import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf
import Testing

@testable import CoordinatorService

@Suite("The newest entries in memory")
struct CommitHubTests {
    private func log(_ head: UInt64?, incarnation: UInt64 = 0) -> LogState {
        var identity = LogIdentity(
            logID: "log", region: "r-1", primaryRegion: "r-1", epoch: 1, mayWriteOwnStream: true)
        identity.incarnation = incarnation
        var state = LogState(region: "r-1", identity: identity)
        if let head {
            var stream = StreamState(name: .control, id: 1)
            stream.head = head
            stream.headEpoch = 1
            state.streams[.control] = stream
        }
        return state
    }

    private func entries(_ sequences: ClosedRange<UInt64>) -> [LogEntry] {
        sequences.map { sequence in
            .with {
                $0.stream = "control"
                $0.sequence = sequence
                $0.commit = sequence
                $0.epoch = 1
                $0.domain = "directory"
                $0.key = "k\(sequence)"
            }
        }
    }

    private func read(_ hub: CommitHub, after: UInt64, in readingID: String?) -> [UInt64]? {
        hub.read(ReadQuery(stream: .control, after: after), in: readingID)?.entries.map(\.sequence)
    }

    @Test("they are not given to who reads the log as it was taken back or copied again")
    func otherReading() {
        let hub = CommitHub()
        hub.publish(entries(1...3), log(3))
        // The engine shows the next state a moment before it tells of it.
        #expect(read(hub, after: 0, in: "log/1") == nil)
        #expect(read(hub, after: 0, in: "log") == [1, 2, 3])
        #expect(read(hub, after: 1, in: nil) == [2, 3])
        hub.publish([], log(1, incarnation: 1))
        #expect(read(hub, after: 0, in: "log") == nil)
        #expect(read(hub, after: 0, in: nil) == nil)
        hub.publish(entries(2...2), log(2, incarnation: 1))
        #expect(read(hub, after: 1, in: "log/1") == [2])
    }

    @Test("what one transaction has stored and dropped is not kept for the stream's next copy")
    func dropped() {
        let hub = CommitHub()
        hub.publish(entries(5...7), log(nil, incarnation: 1))
        hub.publish(entries(1...6), log(6, incarnation: 1))
        #expect(read(hub, after: 0, in: "log/1") == [1, 2, 3, 4, 5, 6])
        #expect(read(hub, after: 5, in: "log/1") == [6])
    }

    @Test("what is known of the instance is read again after every fork that was taken back")
    func bookIsBehind() async throws {
        let directory = FileManager.default.temporaryDirectory
            .appending(path: "portolan-book-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let engine = try LogStore(
            CoordinatorSettings(
                region: "r-1", accountID: FakeKeys.account, dataDirectory: directory.path)
        ).open()
        let book = InstanceBook(engine)
        book.apply([], log(3))
        try await book.reload(engine)
        #expect(!book.isBehind)
        book.apply([], log(4))
        #expect(!book.isBehind)
        // It held nothing of the instance: data keys may have gone with it all the same.
        book.apply([], log(2, incarnation: 1))
        #expect(book.isBehind)
        try await book.reload(engine)
        #expect(!book.isBehind)
        await engine.close()
    }
}
