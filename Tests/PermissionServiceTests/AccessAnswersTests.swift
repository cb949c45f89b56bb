import ReplicatedState
import Testing

@testable import PermissionService

@Suite("The answers that are kept")
struct AccessAnswersTests {
    let watch = DirectoryWatch.Life(number: 1)
    var changes = RecentChanges<Principal>(capacity: 4)
    var answers = AccessAnswers()

    @Test("an answer is not kept when its person has changed since its ticket was given")
    mutating func overtaken() {
        let ticket = answers.ticket(for: "a", in: watch)
        answers.forget("a")
        keep("a", ticket)
        #expect(answers.answer(of: "a", in: watch, changes) == nil)
        // Nor does a later ticket help an answer that was made with the earlier one.
        let later = answers.ticket(for: "a", in: watch)
        keep("a", ticket)
        #expect(answers.answer(of: "a", in: watch, changes) == nil)
        keep("a", later)
        #expect(answers.answer(of: "a", in: watch, changes) == [1, 2, 3])
    }

    @Test("those who make the same answer share a ticket, and the first keeps it")
    mutating func shared() {
        let first = answers.ticket(for: "a", in: watch)
        let second = answers.ticket(for: "a", in: watch)
        #expect(first == second)
        keep("a", first)
        #expect(answers.answer(of: "a", in: watch, changes) == [1, 2, 3])
        answers.giveUp("a", second)
        #expect(answers.answer(of: "a", in: watch, changes) == [1, 2, 3])
    }

    @Test("an answer of another life is not told, nor is a ticket of one taken")
    mutating func otherLife() {
        let ticket = answers.ticket(for: "a", in: watch)
        let next = DirectoryWatch.Life(number: 2)
        let renewed = answers.ticket(for: "a", in: next)
        #expect(renewed != ticket)
        keep("a", ticket)
        #expect(answers.answer(of: "a", in: watch, changes) == nil)
        keep("a", renewed)
        #expect(answers.answer(of: "a", in: next, changes) == [1, 2, 3])
        #expect(answers.answer(of: "a", in: watch, changes) == nil)
    }

    @Test("a change of one of its principals ends an answer, and so does more than is remembered")
    mutating func principals() {
        keep("a", answers.ticket(for: "a", in: watch))
        changes.note(Principal(isGroup: true, id: "other"))
        #expect(answers.answer(of: "a", in: watch, changes) == [1, 2, 3])
        // A person and a group of the same ID are two.
        changes.note(Principal(isGroup: false, id: "g1"))
        #expect(answers.answer(of: "a", in: watch, changes) == [1, 2, 3])
        var one = self
        one.changes.note(Principal(isGroup: true, id: "g1"))
        #expect(one.answers.answer(of: "a", in: watch, one.changes) == nil)
        for _ in 0..<5 { changes.note(Principal(isGroup: true, id: "other")) }
        #expect(answers.answer(of: "a", in: watch, changes) == nil)
    }

    @Test("what is kept stays within its bytes, and what is used stays longest")
    mutating func bounded() {
        let large = [UInt8](repeating: 0, count: 1 << 20)
        for number in 0..<200 {
            let id = "p\(number)"
            keep(id, answers.ticket(for: id, in: watch), bytes: large)
            #expect(answers.answer(of: "p0", in: watch, changes) != nil)
            #expect(answers.count <= AccessAnswers.bytesMax >> 20)
        }
        #expect(answers.answer(of: "p1", in: watch, changes) == nil)
        #expect(answers.answer(of: "p199", in: watch, changes) != nil)
    }

    private mutating func keep(
        _ id: String, _ ticket: AccessAnswers.Ticket, bytes: [UInt8] = [1, 2, 3]
    ) {
        let principals = [
            Principal(isGroup: false, id: id), Principal(isGroup: true, id: "g1"),
            Principal(isGroup: true, id: "g2"),
        ]
        let person = AccessPerson(userID: id, userName: id, principals: principals)
        let answer = AccessAnswers.Answer(
            bytes: bytes, of: person, ticket: ticket, mark: changes.mark)
        answers.keep(answer, of: id, ticket)
    }
}
