import Contracts
import Foundation
import ReplicationLog

/// One Region: a disk, and while its process lives, the log, its subscriptions and a service.
final class Region {
    static let logID = "11111111-1111-4111-8111-111111111111"
    /// How long deletions are remembered here: short, so that runs get past it.
    static let horizon: Int64 = 6_000_000

    struct Incoming {
        let connection: UInt64
        var lastSeen: Int64
    }

    struct Outgoing {
        let connection: UInt64
        var cursor: SubscriberCursor
    }

    struct Gone: Error {}

    let name: String
    unowned let world: World
    var disk = SimulatedDisk()
    private(set) var log: MemoryLog?
    /// Counts starts: what an earlier process wanted to do is void.
    private(set) var life = 0
    /// The wall clock here minus the true time.
    var clockOffset: Int64 = 0
    /// The process stands still until then.
    var pausedUntil: Int64 = 0
    var incoming: [String: Incoming] = [:]
    var outgoing: [String: Outgoing] = [:]
    /// When each Region last answered, and where it then stood in the control stream.
    var heard: [String: Int64] = [:]
    var controls: [String: LogPosition] = [:]
    var promotion: Promotion?
    /// Control writes wait while the role of the primary is handed over.
    var holdsWrites = false
    var subscribersHeard: [String: Int64] = [:]
    var acknowledgements = ReplicaAcknowledgements()
    private(set) var service: SimulatedService
    /// What the service has written of its state.
    private var snapshot: SimulatedSnapshot?
    private var isFollowing = false
    /// Nothing is written any more, so that everything can come to rest.
    var isQuiet = false
    /// Bits have been flipped on this disk.
    var isDamaged = false
    /// What the others have been asked for.
    private var damaged: Set<EntryPlace> = []

    init(_ name: String, in world: World) {
        self.name = name
        self.world = world
        service = SimulatedService(world.settings.bug)
    }

    var peers: [String] { world.settings.regions.filter { $0 != name } }

    var clock: Int64 { world.now + clockOffset }

    var isUp: Bool { log != nil }

    var isPrimary: Bool { log?.state.identity?.isPrimary ?? false }

    // MARK: - Life

    /// The first start: takes part in the log.
    func join(primary: String) {
        disk.faults.answersBeforeSync = world.settings.bug == .answerBeforeSync
        start()
        try? transact {
            try $0.establish(
                LogIdentity(
                    logID: Self.logID, region: self.name, primaryRegion: primary, epoch: 1,
                    mayWriteOwnStream: true))
        }
    }

    func start() {
        guard log == nil else { return }
        life += 1
        let store = disk.reopen(&world.random)
        let log = MemoryLog(region: name, store)
        self.log = log
        log.observer = { [unowned self] entries, state in committed(entries, state) }
        acknowledgements = ReplicaAcknowledgements()
        for (region, positions) in store.acknowledged {
            acknowledgements.replicas[region, default: .init()].applied = positions
            acknowledgements.replicas[region]?.lastSeenMicroseconds = clock
        }
        for rows in store.entries.values where !isDamaged {
            for row in rows { world.history.held(row.entry, by: name) }
        }
        service = SimulatedService(world.settings.bug, from: snapshot)
        isFollowing = false
        world.tell("\(name) starts")
        startTimers()
        followSoon()
    }

    /// The process dies where it stands and is started again later.
    func crash(for downtime: Int64? = nil) {
        guard log != nil else { return }
        world.tell("\(name) dies")
        log = nil
        life += 1
        incoming = [:]
        outgoing = [:]
        (heard, controls, promotion, holdsWrites) = ([:], [:], nil, false)
        damaged = []
        let downtime = downtime ?? world.random.number(50_000...4_000_000)
        world.after(downtime) { [unowned self] in start() }
    }

    /// Does something later, unless the process has died by then. A process that stands still does
    /// it when it goes on.
    func later(_ delay: Int64, _ action: @escaping () -> Void) {
        let life = life
        world.after(delay) { [unowned self] in
            guard self.life == life else { return }
            if pausedUntil > world.now {
                later(pausedUntil - world.now, action)
            } else {
                action()
            }
        }
    }

    func every(_ interval: Int64, _ action: @escaping () -> Void) {
        later(interval + world.random.number(0...(interval / 10))) { [unowned self] in
            action()
            every(interval, action)
        }
    }

    func receive(_ message: Message, from sender: String) {
        guard isUp else { return }
        if pausedUntil > world.now {
            later(pausedUntil - world.now) { [unowned self] in handle(message, from: sender) }
        } else {
            handle(message, from: sender)
        }
    }

    // MARK: - Transactions

    /// Runs a transaction of the real log and takes it to the simulated disk.
    ///
    /// Throws: `LogError`; `Gone` when the process died on the way.
    @discardableResult
    func transact<R>(_ body: (LogTransaction) throws -> R) throws -> R {
        guard let log else { throw Gone() }
        do {
            return try log.perform(
                commit: { [unowned self] in try disk.commit($0, &world.random) }, body)
        } catch SimulatedDisk.Failure.refused(let error) {
            throw error
        } catch SimulatedDisk.Failure.crashed {
            world.count("death within a commit")
            crash()
            throw Gone()
        }
    }

    private func committed(_ entries: [LogEntry], _ state: LogState) {
        let own = entries.filter {
            state.gate.writer(of: StreamName($0.stream) ?? .control) == name
        }
        world.history.written(own, by: name)
        for entry in entries where !own.contains(where: { $0.sequence == entry.sequence }) {
            world.history.held(entry, by: name)
        }
        for peer in outgoing.keys.sorted() { later(50) { [unowned self] in pump(peer) } }
        followSoon()
    }

    // MARK: - The service

    private func followSoon() {
        guard !isFollowing else { return }
        isFollowing = true
        later(world.random.number(100...20_000)) { [unowned self] in
            isFollowing = false
            follow()
        }
    }

    private func follow() {
        guard let log, let identity = log.state.identity else { return }
        takeOver()
        do {
            let usedSnapshot = service.usesSnapshot
            try service.follow(
                log, readingID: "\(identity.logID)/\(identity.incarnation)",
                entriesMax: world.batchMax)
            if service.usesSnapshot, !usedSnapshot { world.count("start from a snapshot") }
            if let written = service.snapshot(keys: Int(world.random.number(0...3))) {
                world.count("snapshot")
                snapshot = written
            }
        } catch {
            noteDamage(error)
        }
    }

    /// Only the service's process dies.
    func restartService() {
        service = SimulatedService(world.settings.bug, from: snapshot)
        followSoon()
    }

    // MARK: - Damage

    /// A read found an entry that is not what was written: the others are asked for it, unless nobody
    /// needs it. A copy of what its writer does not hold any more is dropped and copied again.
    func noteDamage(_ error: any Error) {
        guard let log, let place = (error as? LogError)?.damaged, damaged.insert(place).inserted
        else { return }
        if (try? transact({ try $0.passOver(place) })) == true {
            world.count("passed over")
            damaged.remove(place)
            return followSoon()
        }
        guard self.log === log else { return }
        world.tell("\(name) asks for \(place.stream) \(place.sequence): damaged")
        for peer in peers { world.send(.entryWanted(place), from: self, to: peer) }
        later(1_000_000) { [unowned self] in
            guard damaged.remove(place) != nil else { return }
            scrub()
        }
    }

    func mend(_ entry: LogEntry) {
        guard let stream = StreamName(entry.stream),
            (try? transact({ try $0.mend(entry) })) == true
        else { return }
        world.count("mended")
        world.tell("\(name) has \(stream) \(entry.sequence) back")
        damaged.remove(EntryPlace(stream: stream, sequence: entry.sequence))
        followSoon()
    }

    func copyAgain(_ place: EntryPlace) {
        guard let log, damaged.remove(place) != nil,
            let writer = log.state.gate.writer(of: place.stream), writer != name
        else { return }
        world.count("copied again: damaged")
        world.tell("\(name) copies \(place.stream) again: damaged")
        _ = try? transact { try $0.drop(place.stream) }
        disconnect(writer)
    }

    /// Reads everything, as the coordinator does now and then.
    func scrub() {
        guard let log else { return }
        for stream in log.state.streams.keys.sorted(by: { $0.text < $1.text }) {
            do {
                _ = try log.read(ReadQuery(stream: stream, after: 0, entriesMax: .max))
            } catch {
                noteDamage(error)
            }
        }
    }

    /// A bit of what lies on the disk changes.
    func flipBit() {
        guard let log, let found = disk.flipBit(&world.random) else { return }
        guard isHeldElsewhere(found) else { return disk.restore(log.store) }
        isDamaged = true
        world.count("bit flip")
        world.tell("\(name): a bit of \(found.stream) \(found.sequence) flips")
        log.reread(disk.durable)
    }

    /// Whether another Region's disk holds the entry: otherwise nobody could give it back.
    private func isHeldElsewhere(_ place: EntryPlace) -> Bool {
        peers.compactMap { world.regions[$0]?.disk.durable }.contains { store in
            guard let stream = store.streams.values.first(where: { $0.name == place.stream }),
                let row = store.row(EntryID.make(stream: stream.id, sequence: place.sequence))
            else { return false }
            return row.entry.isIntact
        }
    }
}
