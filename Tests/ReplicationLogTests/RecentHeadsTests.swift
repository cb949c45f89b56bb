import ReplicationLog
import Testing

@Suite("Compaction behind what a backup may need")
struct RecentHeadsTests {
    private func state(_ head: UInt64, incarnation: UInt64 = 0) -> LogState {
        var identity = Sample.identity()
        identity.incarnation = incarnation
        var state = LogState(region: Sample.primary, identity: identity)
        var stream = StreamState(name: .control, id: 1)
        stream.head = head
        state.streams[.control] = stream
        return state
    }

    @Test("it stays behind where the streams stood that long ago")
    func behind() {
        var recent = RecentHeads(age: .seconds(60))
        let start = ContinuousClock.now
        var bounds: [UInt64?] = []
        for step in 0..<12 {
            bounds.append(
                recent.note(state(UInt64(step)), at: start + .seconds(10 * step))[.control])
        }
        #expect(bounds == Array(repeating: nil, count: 6) + [0, 1, 2, 3, 4, 5])
    }

    @Test("without an age it is where they stand")
    func none() {
        var recent = RecentHeads(age: .zero)
        #expect(recent.note(state(7), at: .now)[.control] == 7)
    }

    @Test("streams that have been copied again begin anew")
    func again() {
        var recent = RecentHeads(age: .seconds(60))
        let start = ContinuousClock.now
        _ = recent.note(state(50), at: start)
        #expect(recent.note(state(60), at: start + .seconds(70))[.control] == 50)
        let after = recent.note(state(9, incarnation: 1), at: start + .seconds(140))
        #expect(after.isEmpty)
    }
}
