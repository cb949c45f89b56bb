import Contracts
import ReplicationLog
import SwiftProtobuf
import Testing

@Suite("Rules of replication")
struct ReplicationRulesTests {
    private let region = Sample.primary

    private func state(head: UInt64, primary: String = Sample.primary) -> LogState {
        var state = LogState(
            region: region, identity: Sample.identity(region: region, primary: primary))
        var stream = StreamState(name: .control, id: 1)
        stream.head = head
        state.streams[.control] = stream
        return state
    }

    private func position(_ sequence: UInt64) -> LogPosition {
        .with {
            $0.stream = "control"
            $0.sequence = sequence
        }
    }

    @Test("a Region that has never been heard of holds compaction up")
    func unheard() {
        let book = ReplicaAcknowledgements()
        let through = book.compactable(
            .control, members: [region, "eu-west-1"], seenSince: 0, state(head: 50))
        #expect(through == 0)
    }

    @Test("compaction goes as far as the slowest Region, and past one that is gone for too long")
    func slowest() {
        var book = ReplicaAcknowledgements()
        book.acknowledge("eu-west-1", [position(40)], at: 1_000)
        book.acknowledge("us-east-1", [position(7)], at: 10)
        let members = [region, "eu-west-1", "us-east-1"]
        #expect(
            book.compactable(.control, members: members, seenSince: 5, state(head: 50)) == 7)
        #expect(
            book.compactable(.control, members: members, seenSince: 100, state(head: 50)) == 40)
        book.replicas["us-east-1"]?.isConnected = true
        #expect(
            book.compactable(.control, members: members, seenSince: 100, state(head: 50)) == 7)
    }

    @Test("the first message of a stream says where its head is, later ones only what is new")
    func greeting() {
        var cursor = SubscriberCursor(subscriber: "eu-west-1", after: [position(50)], purged: [])
        let result = ReadResult(
            entries: [], through: position(50), isAtHead: true, compactedThrough: 0,
            purgedThrough: 0)
        #expect(cursor.message(.control, result, state(head: 50))?.head.sequence == 50)
        #expect(cursor.message(.control, result, state(head: 50)) == nil)
    }

    @Test("only the primary sends the control stream, and only who asked for it gets it")
    func streams() {
        let asked = SubscriberCursor(subscriber: "eu-west-1", after: [position(0)], purged: [])
        #expect(asked.streams(state(head: 1)) == [.control, .regional(region)])
        #expect(asked.streams(state(head: 1, primary: "us-east-1")) == [.regional(region)])
        let other = SubscriberCursor(subscriber: "eu-west-1", after: [], purged: [])
        #expect(other.streams(state(head: 1)) == [.regional(region)])
    }

    @Test("a laggard waits while the Region is busy writing, and not otherwise")
    func pace() {
        let step = Duration.milliseconds(20)
        let start = ContinuousClock.now
        var pace = LaggardPace(commits: 7, at: start)
        func pause(_ step: Duration, commits: UInt64, after time: Duration) -> Duration {
            pace.pause(after: step, commits: commits, at: start + time)
        }
        // Too early to tell, then 40 a second, then 60.
        #expect(pause(step, commits: 90, after: .milliseconds(50)) == .zero)
        #expect(pause(step, commits: 11, after: .milliseconds(100)) == .zero)
        #expect(pause(step, commits: 17, after: .milliseconds(200)) == step * 44)
        // A step without a commit changes nothing before the time is up.
        #expect(pause(step, commits: 17, after: .milliseconds(250)) == step * 44)
        #expect(pause(.seconds(1), commits: 17, after: .milliseconds(290)) == .seconds(1))
        #expect(pause(step, commits: 17, after: .milliseconds(301)) == .zero)
    }
}
