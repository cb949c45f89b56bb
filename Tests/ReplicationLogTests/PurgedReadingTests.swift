import Contracts
import ReplicationLog
import Testing

@Suite("Log engine: reading past tombstones that are gone")
struct PurgedReadingTests {
    private func code(_ body: () async throws -> Void) async -> LogError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? LogError)?.code
        }
    }

    /// A primary with 30 entries in commits of three, and a Region that has joined.
    private func pair(
        _ kind: EngineKind
    ) async throws -> (any LogEngine, any LogEngine, [EngineFixture]) {
        let fixtures = [try EngineFixture(kind), try EngineFixture(kind)]
        let primary = try await fixtures[0].primary()
        for commit in 0..<10 {
            let records = (0..<3).map { Sample.record("k\(commit)-\($0)") }
            _ = try await primary.append(Sample.append(records))
        }
        let replica = try fixtures[1].open(Sample.replica)
        try await replica.establish(Sample.identity(region: Sample.replica))
        return (primary, replica, fixtures)
    }

    /// A primary whose last tombstone stands at 31 and is gone, as is the one entry that it deleted.
    private func purged(
        _ kind: EngineKind
    ) async throws -> (any LogEngine, any LogEngine, [EngineFixture]) {
        let (primary, replica, fixtures) = try await pair(kind)
        _ = try await primary.append(Sample.append([Sample.tombstone("k0-0", 2)]))
        _ = try await primary.append(Sample.append([Sample.record("later")]))
        try await purge(primary)
        return (primary, replica, fixtures)
    }

    private func purge(_ engine: any LogEngine) async throws {
        let outcome = try await engine.compact(
            CompactionRequest(
                stream: .control, through: .max, tombstonesBeforeMicroseconds: Sample.now + 1))
        #expect(outcome.removed == 2)
    }

    @Test(
        "who began when tombstones were gone reads on before them, also as it was encoded",
        arguments: EngineKind.allCases)
    func goesOn(_ kind: EngineKind) async throws {
        let (primary, _, _) = try await purged(kind)
        var (place, encoded) = (ReadingPlace(), ReadingPlace())
        var count = 0
        while true {
            let result = try await primary.read(
                ReadQuery(stream: .control, from: place, entriesMax: 4))
            let same = try await primary.readEncoded(
                ReadQuery(stream: .control, from: encoded, entriesMax: 4))
            count += result.entries.count
            place = place.advanced(to: result)
            encoded.advance(to: same.through.sequence, purged: same.purgedThrough)
            #expect(place == encoded)
            if result.isAtHead { break }
        }
        #expect(count == 30)
        #expect(place == ReadingPlace(after: 32, purgedBefore: 31))
    }

    @Test("what a reader said before it began counts for nothing once it begins")
    func beginning() {
        var place = ReadingPlace(after: 0, purgedBefore: 90)
        place.advance(to: 10, purged: 30)
        #expect(place == ReadingPlace(after: 10, purgedBefore: 30))
        #expect(place.isServed(purged: 30))
        #expect(!place.isServed(purged: 40))
        place.advance(to: 40, purged: 35)
        #expect(place == ReadingPlace(after: 40, purgedBefore: 30))
        #expect(place.isServed(purged: 40))
    }

    @Test(
        "when more tombstones go while somebody reads before them, it begins again",
        arguments: EngineKind.allCases)
    func overtaken(_ kind: EngineKind) async throws {
        let (primary, _, _) = try await purged(kind)
        let place = ReadingPlace().advanced(
            to: try await primary.read(ReadQuery(stream: .control, after: 0, entriesMax: 4)))
        _ = try await primary.append(Sample.append([Sample.tombstone("k9-0", 2)]))
        try await purge(primary)
        let found = await code {
            _ = try await primary.read(ReadQuery(stream: .control, from: place, entriesMax: 4))
        }
        #expect(found == .positionExpired)
    }

    @Test(
        "a copy that was broken off goes on where it was, past tombstones that are gone",
        arguments: EngineKind.allCases)
    func resumed(_ kind: EngineKind) async throws {
        let (primary, replica, fixtures) = try await purged(kind)
        let first = try await primary.batch(after: 0, entriesMax: 4)
        _ = try await replica.apply(first.validated())
        await replica.close()
        let again = try fixtures[1].open(Sample.replica)
        let state = again.state
        var cursor = SubscriberCursor(
            subscriber: Sample.replica,
            after: SubscriptionRules.after(from: Sample.primary, state),
            purged: SubscriptionRules.purged(from: Sample.primary, state))
        let result = try await primary.read(cursor.query(.control))
        let said = cursor.message(.control, result, primary.state)
        let message = try #require(said)
        #expect(message.after == first.through.sequence)
        let batch = message.received(from: Sample.primary, logID: first.logID)
        _ = try await again.apply(batch.validated())
        #expect(again.state.digests == primary.state.digests)
        // Whoever stood before the tombstone when it was there may hold what it deleted.
        let stranger = SubscriberCursor(
            subscriber: Sample.replica,
            after: SubscriptionRules.after(from: Sample.primary, state), purged: [])
        let query = stranger.query(.control)
        #expect(await code { _ = try await primary.read(query) } == .positionExpired)
    }

    @Test(
        "a batch that lacks deletions beyond where a copy stands is refused",
        arguments: EngineKind.allCases)
    func behindTombstones(_ kind: EngineKind) async throws {
        let (primary, replica, _) = try await pair(kind)
        let first = try await primary.batch(after: 0, entriesMax: 4)
        _ = try await replica.apply(first.validated())
        let next = try await primary.batch(after: first.through.sequence, entriesMax: 4)
        let lacking = next.with(purgedThrough: first.through.sequence + 1)
        #expect(await code { _ = try await replica.apply(lacking.validated()) } == .gap)
        let harmless = next.with(purgedThrough: first.through.sequence)
        #expect(await code { _ = try await replica.apply(harmless.validated()) } == nil)
    }

    @Test(
        "a tombstone from a clock that ran ahead keeps no older one behind it, and stays itself",
        arguments: EngineKind.allCases)
    func clockAhead(_ kind: EngineKind) async throws {
        let (primary, _, _) = try await pair(kind)
        let ahead = Sample.now + 1_000_000
        _ = try await primary.append(Sample.append([Sample.tombstone("k0-0", 2)], at: ahead))
        _ = try await primary.append(Sample.append([Sample.tombstone("k0-1", 2)]))
        // Both of what they replaced, and the second of them.
        let outcome = try await primary.compact(
            CompactionRequest(
                stream: .control, through: .max, tombstonesBeforeMicroseconds: Sample.now + 1))
        #expect(outcome.removed == 3)
        let left = try await primary.read(ReadQuery(stream: .control, after: 0)).entries
        #expect(left.filter(\.tombstone).map(\.key) == ["k0-0"])
        #expect(primary.state.streams[.control]?.purgedThrough == 32)
    }
}
