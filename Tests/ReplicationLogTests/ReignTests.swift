import ReplicationLog
import Testing

@Suite("Reigns")
struct ReignTests {
    private let a = "ap-south-1"
    private let b = "eu-west-1"
    private let c = "us-east-1"

    private func history(_ reigns: (UInt64, String, UInt64)...) throws -> ReignHistory {
        try #require(
            ReignHistory(reigns.map { Reign(epoch: $0.0, primaryRegion: $0.1, after: $0.2) }))
    }

    private func identity(_ region: String, _ history: ReignHistory) -> LogIdentity {
        LogIdentity(
            logID: Sample.logID, region: region, history: history, mayWriteOwnStream: true)
    }

    @Test("reigns out of order, without end or of no Region are no history")
    func malformed() {
        let good = Reign(epoch: 2, primaryRegion: b, after: 10)
        #expect(ReignHistory([]) == nil)
        #expect(ReignHistory([good, good]) == nil)
        #expect(ReignHistory([good, Reign(epoch: 1, primaryRegion: a, after: 20)]) == nil)
        #expect(ReignHistory([good, Reign(epoch: 3, primaryRegion: a, after: 9)]) == nil)
        #expect(ReignHistory([Reign(epoch: 0, primaryRegion: a, after: 0)]) == nil)
        #expect(ReignHistory([Reign(epoch: 1, primaryRegion: "nowhere", after: 0)]) == nil)
        let many = (1...1_025).map { Reign(epoch: $0, primaryRegion: a, after: 0) }
        #expect(ReignHistory(many) == nil)
    }

    @Test("a position belongs to the log where the reign of its epoch was")
    func positions() throws {
        let history = try history((1, a, 0), (2, b, 100), (5, c, 150))
        #expect(history.contains(epoch: 1, sequence: 100))
        #expect(!history.contains(epoch: 1, sequence: 101))
        #expect(history.contains(epoch: 2, sequence: 101))
        #expect(!history.contains(epoch: 2, sequence: 100))
        #expect(!history.contains(epoch: 2, sequence: 151))
        #expect(history.contains(epoch: 5, sequence: 9_999))
        #expect(!history.contains(epoch: 3, sequence: 120))
        #expect(!history.contains(epoch: 6, sequence: 200))
        #expect(history.contains(epoch: 6, sequence: 0))
        #expect(history.end(ofEpoch: 2) == 150)
        #expect(history.end(ofEpoch: 5) == nil)
    }

    @Test("a later epoch prevails; of one epoch the name that sorts first does")
    func precedence() {
        let one = Reign(epoch: 2, primaryRegion: b, after: 10)
        #expect(Reign(epoch: 3, primaryRegion: c, after: 0).prevails(over: one))
        #expect(!Reign(epoch: 1, primaryRegion: a, after: 99).prevails(over: one))
        #expect(Reign(epoch: 2, primaryRegion: a, after: 0).prevails(over: one))
        #expect(!Reign(epoch: 2, primaryRegion: c, after: 99).prevails(over: one))
        #expect(!one.prevails(over: one))
    }

    @Test("a fork begins where the paths part")
    func forks() throws {
        let mine = try history((1, a, 0))
        let later = try history((1, a, 0), (2, b, 100))
        #expect(mine.fork(from: later, head: 100) == nil)
        #expect(mine.fork(from: later, head: 101) == 100)
        // Two took over in one epoch, the other one earlier in the log.
        let loser = try history((1, a, 0), (2, c, 120))
        #expect(loser.fork(from: later, head: 130) == 100)
        let winner = try history((1, a, 0), (2, b, 140))
        #expect(loser.fork(from: winner, head: 130) == 120)
        #expect(loser.fork(from: winner, head: 120) == nil)
        // Several reigns later the first one counts.
        let much = try history((1, a, 0), (2, b, 100), (3, a, 180))
        #expect(mine.fork(from: much, head: 300) == 100)
        let foreign = try history((4, c, 7))
        #expect(mine.fork(from: foreign, head: 5) == 0)
    }

    @Test("a primary follows a later one, and keeps in mind what it has too much")
    func fenced() throws {
        var old = identity(a, try history((1, a, 0)))
        let later = try history((1, a, 0), (2, b, 100))
        let isNews = old.follow(later, head: 120)
        #expect(isNews)
        #expect(!old.isPrimary)
        #expect(old.forkedAfter == 100)
        // An even later one that began earlier moves the fork back, never forward.
        let other = try history((1, a, 0), (3, c, 90))
        let isEvenLater = old.follow(other, head: 120)
        #expect(isEvenLater)
        #expect(old.forkedAfter == 90)
        let isOlder = old.follow(later, head: 120)
        #expect(!isOlder)
    }

    @Test("a Region becomes the primary only with all that came before, and not with a fork")
    func takesOver() throws {
        var next = identity(b, try history((1, a, 0)))
        let handed = try history((1, a, 0), (2, b, 100))
        let tooEarly = next.follow(handed, head: 99)
        #expect(!tooEarly)
        #expect(!next.isPrimary)
        let inTime = next.follow(handed, head: 100)
        #expect(inTime)
        #expect(next.isPrimary)
        var forked = identity(b, try history((1, a, 0), (2, c, 50)))
        let own = try history((1, a, 0), (2, a, 60), (3, b, 70))
        let withFork = forked.follow(own, head: 80)
        #expect(!withFork)
    }

    @Test("an epoch is promised once; who has promised refuses all up to it")
    func promises() throws {
        var voter = identity(c, try history((1, a, 0)))
        try voter.promise(Succession(epoch: 2, primaryRegion: b))
        try voter.promise(Succession(epoch: 2, primaryRegion: b))
        for epoch in [UInt64(1), 2] {
            #expect(throws: LogError.self) {
                try voter.promise(Succession(epoch: epoch, primaryRegion: a))
            }
        }
        try voter.promise(Succession(epoch: 3, primaryRegion: a))
        #expect(throws: LogError.self) {
            try voter.promise(Succession(epoch: 3, primaryRegion: b))
        }
    }

    @Test("only the primary hands over; a forked Region neither hands nor takes over")
    func successions() throws {
        let replica = identity(b, try history((1, a, 0)))
        #expect(throws: LogError.self) {
            try replica.succeeded(by: Succession(epoch: 2, primaryRegion: c), at: 10)
        }
        let taken = try replica.succeeded(by: Succession(epoch: 2, primaryRegion: b), at: 10)
        #expect(taken.isPrimary)
        #expect(taken.history.current == Reign(epoch: 2, primaryRegion: b, after: 10))
        var forked = replica
        forked.forkedAfter = 5
        #expect(throws: LogError.self) {
            try forked.succeeded(by: Succession(epoch: 2, primaryRegion: b), at: 10)
        }
        var promised = replica
        try promised.promise(Succession(epoch: 2, primaryRegion: c))
        #expect(throws: LogError.self) {
            try promised.succeeded(by: Succession(epoch: 2, primaryRegion: b), at: 10)
        }
    }

    @Test("an identity comes back from its stored form, also from that of the first version")
    func stored() throws {
        var one = identity(b, try history((1, a, 0), (2, b, 100)))
        one.promise = Succession(epoch: 4, primaryRegion: c)
        one.forkedAfter = 77
        one.incarnation = 3
        #expect(LogIdentity(stored: one.stored, region: b) == one)
        let first = [
            "log_id": Sample.logID, "primary_region": a, "epoch": "1",
            "may_write_own_stream": "yes", "region": b,
        ]
        #expect(LogIdentity(stored: first, region: b) == identity(b, try history((1, a, 0))))
        #expect(LogIdentity(stored: ["region": b], region: b) == nil)
    }
}
