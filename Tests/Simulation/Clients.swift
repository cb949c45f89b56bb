import Contracts
import Foundation
import ReplicatedState
import ReplicationLog

/// The people and programs that write and read: administration in the primary, sessions everywhere.
/// They remember what they were told.
final class Clients {
    private unowned let world: World
    private var written: UInt64 = 0
    private var sessions: [String] = []
    /// Requests whose answer may have got lost: to be repeated.
    private var unanswered: [(command: AppendCommand, key: String)] = []
    /// The newest position each client has been told of, with what it wrote there.
    private var tokens: [(position: LogPosition, entry: UInt64, key: String, version: UInt64)] = []
    var isQuiet = false

    init(world: World) { self.world = world }

    func start() {
        every(100_000...400_000) { [self] in administer() }
        every(200_000...900_000) { [self] in openSession() }
        every(400_000...1_500_000) { [self] in revokeSession() }
        every(60_000...250_000) { [self] in read() }
        every(100_000...400_000) { [self] in readSession() }
        every(500_000...1_500_000) { [self] in repeatRequest() }
    }

    private func every(_ interval: ClosedRange<Int64>, _ action: @escaping () -> Void) {
        world.after(world.random.number(interval)) { [self] in
            if !isQuiet { action() }
            every(interval, action)
        }
    }

    private func value() -> Data {
        written += 1
        return Data("value \(written)".utf8)
    }

    // MARK: - Writing

    /// A compare-and-append in the directory's domain, at a Region that believes it may.
    private func administer() {
        let candidates = world.orderedRegions.filter { $0.isUp && $0.isPrimary && !$0.holdsWrites }
        guard let region = candidates.randomElement(using: &world.random), let log = region.log
        else { return }
        let count = world.random.chance(80) ? 1 : Int(world.random.number(2...5))
        let keys = Array(Set((0..<count).map { _ in "user/\(world.random.number(0...15))" }))
            .sorted()
        let domain = log.state.streams[.control]?.domains["directory"]
        var records: [LogRecord] = []
        for key in keys {
            let id = domain.flatMap { log.store.newest[$0.id]?[key] }
            let last = id.flatMap { log.store.row($0)?.entry }
            var record = LogRecord()
            record.key = key
            record.version = (last?.version ?? 0) + 1
            record.tombstone = last.map { !$0.tombstone } ?? false && world.random.chance(20)
            if !record.tombstone { record.value = value() }
            records.append(record)
        }
        let command = AppendCommand(
            stream: .control, domain: "directory",
            expectedDomainSequence: domain?.lastSequence ?? 0, records: records,
            events: [event()], requestID: requestID(), writtenAtMicroseconds: region.clock)
        if world.random.chance(30) {
            sendBoth(command, following(command, at: region), at: region)
        } else {
            append(command, at: region, key: keys[0])
        }
    }

    private func requestID() -> String { "request-\(written)-\(world.random.next())" }

    /// An append that is decided and sent while another one is on its way.
    private func following(_ first: AppendCommand, at region: Region) -> AppendCommand {
        var record = LogRecord()
        record.key = "user/behind \(world.random.next())"
        record.version = 1
        record.value = value()
        var command = AppendCommand(
            stream: .control, domain: first.domain, expectedDomainSequence: .max,
            records: [record], events: [event()], requestID: requestID(),
            writtenAtMicroseconds: region.clock)
        command.afterRequestID = first.requestID
        return command
    }

    /// Both on their way together: they come one behind the other, the other way round, or the second alone.
    private func sendBoth(_ first: AppendCommand, _ second: AppendCommand, at region: Region) {
        if world.random.chance(15) { append(second, at: region, key: second.records[0].key) }
        if !world.random.chance(10) { append(first, at: region, key: first.records[0].key) }
        world.after(world.random.number(0...60_000)) { [self] in
            guard region.isUp else { return }
            append(second, at: region, key: second.records[0].key)
        }
    }

    /// What an append says that it follows has to lie directly before it.
    private func checkOrder(
        _ command: AppendCommand, _ outcome: AppendOutcome, at region: Region, head: UInt64
    ) {
        guard let before = command.afterRequestID, outcome.firstSequence > head,
            let log = region.log, let stream = log.state.streams[command.stream],
            let domain = stream.domains[command.domain]
        else { return }
        let newest = (1..<outcome.firstSequence).reversed().lazy
            .compactMap { log.store.row(EntryID.make(stream: stream.id, sequence: $0)) }
            .first { $0.domain == domain.id }
        guard newest?.request?.hasPrefix(before) != true else { return }
        world.history.violation(
            "order: \(region.name) wrote \(outcome.firstSequence) behind "
                + "\(newest?.entry.sequence ?? 0), which is not what it was to follow")
    }

    private func event() -> TrailDraft {
        TrailDraft(
            eventID: "event-\(written)", eventTimeMicroseconds: world.now, event: TrailEvent(),
            cloudTrailJSON: "{\"n\":\(written)}")
    }

    private func openSession() {
        guard let region = world.orderedRegions.filter(\.isUp).randomElement(using: &world.random)
        else { return }
        let id = "\(region.name)-\(sessions.count)"
        sessions.append(id)
        appendRegional("session/\(id)", at: region)
    }

    private func revokeSession() {
        guard let region = world.orderedRegions.filter(\.isUp).randomElement(using: &world.random),
            let id = sessions.randomElement(using: &world.random)
        else { return }
        appendRegional("revocation/\(id)", at: region)
    }

    private func appendRegional(_ key: String, at region: Region) {
        guard let log = region.log else { return }
        let stream = StreamName.regional(region.name)
        let domain = log.state.streams[stream]?.domains["session"]
        let id = domain.flatMap { log.store.newest[$0.id]?[key] }
        var record = LogRecord()
        record.key = key
        record.version = (id.flatMap { log.store.row($0)?.entry.version } ?? 0) + 1
        record.value = value()
        append(
            AppendCommand(
                stream: stream, domain: "session",
                expectedDomainSequence: domain?.lastSequence ?? 0, records: [record],
                requestID: requestID(),
                writtenAtMicroseconds: region.clock),
            at: region, key: key)
    }

    private func append(_ command: AppendCommand, at region: Region, key: String) {
        let outcome: AppendOutcome
        let head = region.log?.state.position(of: command.stream).sequence ?? 0
        var sent = command
        if world.settings.bug == .followsAnything, command.afterRequestID != nil {
            (sent.afterRequestID, sent.expectedDomainSequence) = (nil, nil)
        }
        do {
            outcome = try region.transact { try $0.append(sent) }
            checkOrder(command, outcome, at: region, head: head)
        } catch is LogError {
            return
        } catch {
            unanswered.append((command, key))
            return
        }
        // The answer may be lost on its way: then the client asks again.
        if world.random.chance(3) { unanswered.append((command, key)) }
        acknowledged(command, outcome)
    }

    private func acknowledged(_ command: AppendCommand, _ outcome: AppendOutcome) {
        for (index, record) in command.records.enumerated() {
            world.history.acknowledge(
                History.Acknowledged(
                    outcome: outcome, stream: command.stream,
                    sequence: outcome.firstSequence + UInt64(index), key: record.key,
                    version: record.version, value: record.value,
                    isTombstone: record.tombstone),
                request: command.requestID, isFirst: index == 0)
            if command.domain == "directory" {
                tokens.append(
                    (
                        outcome.position, outcome.firstSequence + UInt64(index), record.key,
                        record.version
                    ))
            } else if record.key.hasPrefix("revocation/") {
                world.history.revoke(
                    String(record.key.dropFirst("revocation/".count)), at: outcome.position)
            }
        }
        if tokens.count > 40 { tokens.removeFirst(tokens.count - 40) }
    }

    /// A client that got no answer sends the same request again, soon and perhaps elsewhere.
    private func repeatRequest() {
        guard let (command, key) = unanswered.popLast() else { return }
        let candidates = world.orderedRegions.filter { region in
            region.isUp && region.log?.state.gate.writer(of: command.stream) == region.name
        }
        guard let region = candidates.randomElement(using: &world.random) else {
            return unanswered.append((command, key))
        }
        append(command, at: region, key: key)
    }

    // MARK: - Reading

    /// A read that demands a position, in any Region: answered at that position or not at all.
    private func read() {
        guard let region = world.orderedRegions.filter(\.isUp).randomElement(using: &world.random),
            let token = tokens.randomElement(using: &world.random), region.service.isOpen
        else { return }
        let mayAnswer =
            region.service.covers(token.position) || world.settings.bug == .readBehindToken
        guard mayAnswer, let log = region.log else { return }
        let held = region.service.core.state.values[token.key]
        guard (held?.version ?? 0) < token.version, !world.isGone(token.position, log) else {
            return
        }
        // Once a deletion is no longer remembered, the key reads as if it had never been, and who
        // makes it anew begins with version 1.
        let wasDeleted = world.history.isDeleted(
            token.key, in: .control, from: token.entry)
        if wasDeleted { return }
        world.history.violation(
            "token: \(region.name) answered for \(token.position.epoch)/\(token.position.sequence) "
                + "with version \(held?.version ?? 0) of \(token.key), not \(token.version)")
    }

    private func readSession() {
        guard let region = world.orderedRegions.filter(\.isUp).randomElement(using: &world.random),
            let id = sessions.randomElement(using: &world.random), region.service.isOpen
        else { return }
        let position = world.history.revoked[id]
        world.history.asked(
            id, isRevoked: region.service.core.state.revoked.contains(id), in: region.name,
            mustKnow: position.map { region.service.covers($0) } ?? false)
    }
}

extension World {
    /// Whether a position is no part of the log as the Region knows it: a forced promotion left it
    /// behind.
    func isGone(_ position: LogPosition, _ log: MemoryLog) -> Bool {
        guard position.stream == StreamName.control.text, let identity = log.state.identity else {
            return false
        }
        return !identity.history.contains(epoch: position.epoch, sequence: position.sequence)
    }
}
