import ReplicatedState
import Testing

@Suite("Recent changes")
struct RecentChangesTests {
    @Test("a mark of another state, or from before a change of all, says nothing")
    func strangers() {
        var changes = RecentChanges<Int>(capacity: 3)
        let other = RecentChanges<Int>(capacity: 3)
        #expect(changes.since(other.mark) == nil)
        let mark = changes.mark
        changes.noteAll()
        #expect(changes.since(mark) == nil)
        #expect(changes.since(changes.mark) == [])
    }

    @Test("changes since a mark come in their order, as many as are remembered")
    func order() {
        var changes = RecentChanges<Int>(capacity: 3)
        var marks = [changes.mark]
        for number in 1...10 {
            changes.note(number)
            marks.append(changes.mark)
        }
        #expect(changes.since(marks[10]) == [])
        #expect(changes.since(marks[9]) == [10])
        #expect(changes.since(marks[7]) == [8, 9, 10])
        #expect(changes.since(marks[6]) == nil)
        changes.noteAll()
        changes.note(11)
        #expect(changes.since(marks[1]) == nil)
    }
}
