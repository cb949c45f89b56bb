import ReplicatedState

/// Answers of GetAccess as they were encoded, for as long as they hold.
///
/// An answer holds while nothing has changed that it was made from. What changes here is found by the
/// marks of `RecentChanges`; what changes in the directory is told by `forget`, and `DirectoryWatch`
/// names the time in which it is told everything. Bounded in bytes: who was not asked for longest goes.
struct AccessAnswers {
    /// Answers and what belongs to them, in memory.
    static let bytesMax = 64 << 20

    /// Of one person: what is being made, or was.
    private enum Entry: Sendable {
        case making(Ticket)
        case kept(Answer)

        var cost: Int {
            switch self {
            case .making: 256
            case .kept(let answer): 256 + answer.bytes.count + answer.principals.count * 96
            }
        }
    }

    /// Allows to keep an answer whose making began when it was given.
    struct Ticket: Sendable, Equatable {
        fileprivate let number: UInt64
        fileprivate let watch: DirectoryWatch.Life
    }

    struct Answer: Sendable {
        let bytes: [UInt8]
        let person: AccessPerson
        /// Hash values of the person's principals, ascending.
        let principals: [Int]
        let watch: DirectoryWatch.Life
        var mark: RecentChanges<Principal>.Mark

        init(
            bytes: [UInt8], of person: AccessPerson, ticket: Ticket,
            mark: RecentChanges<Principal>.Mark
        ) {
            self.bytes = bytes
            self.person = person
            self.principals = person.principals.map(\.hashValue).sorted()
            self.watch = ticket.watch
            self.mark = mark
        }
    }

    /// What was in use lately, and what was before that: half of the bytes each.
    private var young: [String: Entry] = [:]
    private var old: [String: Entry] = [:]
    private var youngBytes = 0
    private var lastTicket: UInt64 = 0

    /// People of whom something is kept or being made.
    var count: Int { young.count + old.count }

    /// The answer of a person, if it holds.
    mutating func answer(
        of userID: String, in watch: DirectoryWatch.Life, _ changes: RecentChanges<Principal>
    ) -> [UInt8]? {
        guard case .kept(var answer)? = young[userID] ?? old[userID], answer.watch == watch else {
            return nil
        }
        if answer.mark != changes.mark {
            guard let changed = changes.since(answer.mark),
                !changed.contains(where: { answer.principals.holds($0.hashValue) })
            else { return nil }
            answer.mark = changes.mark
            set(userID, .kept(answer))
        } else if young[userID] == nil {
            set(userID, .kept(answer))
        }
        return answer.bytes
    }

    /// A person as the directory describes them, if that is known for now. What is assigned to them may
    /// have changed since.
    func person(_ userID: String, in watch: DirectoryWatch.Life) -> AccessPerson? {
        guard case .kept(let answer)? = young[userID] ?? old[userID], answer.watch == watch else {
            return nil
        }
        return answer.person
    }

    /// To be asked for before anything is that an answer is made from. Those who make the same answer
    /// at the same time share one.
    mutating func ticket(for userID: String, in watch: DirectoryWatch.Life) -> Ticket {
        if case .making(let ticket)? = young[userID] ?? old[userID], ticket.watch == watch {
            return ticket
        }
        lastTicket += 1
        let ticket = Ticket(number: lastTicket, watch: watch)
        set(userID, .making(ticket))
        return ticket
    }

    /// Keeps an answer, unless what it was made from has changed since its ticket was given.
    mutating func keep(_ answer: Answer, of userID: String, _ ticket: Ticket) {
        guard isMaking(userID, ticket) else { return }
        set(userID, .kept(answer))
    }

    /// There will be no answer.
    mutating func giveUp(_ userID: String, _ ticket: Ticket) {
        if isMaking(userID, ticket) { forget(userID) }
    }

    /// Something about a person has changed that is not among `changes`.
    mutating func forget(_ userID: String) {
        if let entry = young.removeValue(forKey: userID) { youngBytes -= entry.cost }
        old[userID] = nil
    }

    private func isMaking(_ userID: String, _ ticket: Ticket) -> Bool {
        guard case .making(let known)? = young[userID] ?? old[userID] else { return false }
        return known == ticket
    }

    private mutating func set(_ userID: String, _ entry: Entry) {
        forget(userID)
        if youngBytes + entry.cost > Self.bytesMax / 2 {
            let oldest = old
            old = young
            young = [:]
            youngBytes = 0
            // Perhaps thousands of answers: not while everybody waits for the state.
            Task.detached(priority: .background) { withExtendedLifetime(oldest) {} }
        }
        young[userID] = entry
        youngBytes += entry.cost
    }
}

/// An enabled person with all the principals that count for them.
struct AccessPerson: Sendable {
    let userID: String
    let userName: String
    let principals: [Principal]
}

extension [Int] {
    /// Whether a number is in an ascending array.
    fileprivate func holds(_ number: Int) -> Bool {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low < endIndex && self[low] == number
    }
}
