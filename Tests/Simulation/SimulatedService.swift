import Contracts
import ReplicatedState
import ReplicationLog
import SwiftProtobuf

/// What a service of the simulated Region builds from the log.
final class SimulatedState: ReplicatedState.DomainState {
    struct Held {
        let version: UInt64
        let value: [UInt8]?
    }

    private(set) var values: [String: Held] = [:]
    private(set) var sessions: Set<String> = []
    private(set) var revoked: Set<String> = []
    /// A planted bug.
    var revivesSessions = false
    /// Keys in the order in which they came.
    private var keys: [String] = []
    private var known: Set<String> = []

    init() {}

    func apply(_ change: DomainChange) {
        note(change.key)
        if change.domain == "directory" {
            values[change.key] = Held(version: change.version, value: change.value)
        } else if change.key.hasPrefix("session/") {
            let id = String(change.key.dropFirst("session/".count))
            if change.value == nil { sessions.remove(id) } else { sessions.insert(id) }
            if revivesSessions { revoked.remove(id) }
        } else if change.key.hasPrefix("revocation/") {
            revoked.insert(String(change.key.dropFirst("revocation/".count)))
        }
    }

    func version(ofRecord key: String, in stream: String) -> UInt64? { values[key]?.version }

    private func note(_ key: String) {
        if known.insert(key).inserted { keys.append(key) }
    }
}

/// One key at a time, so that much can change before the last.
extension SimulatedState {
    static var snapshotLayout: UInt32 { 1 }
    var isSnapshotable: Bool { true }

    private enum Kind: UInt8 {
        case value, deleted, session, revocation, nothing
    }

    func copy(from place: Int, into part: inout SnapshotPart) -> Int? {
        guard place < keys.count else { return nil }
        let key = keys[place]
        Array(key.utf8).withUnsafeBytes { part.append($0) }
        let kind = kind(of: key)
        part.append(kind.rawValue)
        if let held = values[key] {
            part.append(held.version)
            (held.value ?? []).withUnsafeBytes { part.append($0) }
        }
        return place + 1
    }

    private func kind(of key: String) -> Kind {
        if let held = values[key] { return held.value == nil ? .deleted : .value }
        let id = String(key.drop { $0 != "/" }.dropFirst())
        if key.hasPrefix("revocation/") { return .revocation }
        return sessions.contains(id) ? .session : .nothing
    }

    func restore(_ part: SnapshotPartReader) -> Bool {
        var part = part
        while !part.isAtEnd {
            guard let key = part.lent().map({ String(decoding: $0, as: UTF8.self) }),
                let kind = part.byte().flatMap(Kind.init), restore(key, kind, &part)
            else { return false }
            note(key)
        }
        return true
    }

    private func restore(_ key: String, _ kind: Kind, _ part: inout SnapshotPartReader) -> Bool {
        let id = String(key.drop { $0 != "/" }.dropFirst())
        switch kind {
        case .nothing: return true
        case .session: return sessions.insert(id).inserted
        case .revocation: return revoked.insert(id).inserted
        case .value, .deleted:
            guard let version = part.uint64(), let value = part.lent() else { return false }
            values[key] = Held(version: version, value: kind == .value ? Array(value) : nil)
            return true
        }
    }
}

/// A snapshot that a service has written, or is writing.
struct SimulatedSnapshot {
    var head = StateSnapshotHead()
    var end: StateSnapshotEnd?
    fileprivate var items = SnapshotPart()
    fileprivate var next: Int? = 0
    fileprivate let generation: UInt64
}

/// One service of a Region: the real replica core, fed from the Region's log.
struct SimulatedService {
    static let domains: Set<String> = ["directory", "session"]

    private(set) var core = ReplicaCore<SimulatedState>()
    /// Whether everything there was has been applied once since the state was dropped.
    private(set) var isOpen = false
    private let bug: PlantedBug?
    private var places: [StreamName: ReadingPlace] = [:]
    private var revivesSessions: Bool { bug == .revivedSession }
    /// What the process before has left, as long as it has not been found to be of no use.
    private var saved: SimulatedSnapshot?
    private var taking: SimulatedSnapshot?
    private(set) var usesSnapshot = false

    init(_ bug: PlantedBug?, from saved: SimulatedSnapshot? = nil) {
        self.bug = bug
        self.saved = saved
        core.state.revivesSessions = revivesSessions
    }

    private mutating func restart() {
        core.drop()
        places = [:]
        core.state.revivesSessions = revivesSessions
        isOpen = false
    }

    /// Reads what is new in the log, a step of the tail for each stream.
    mutating func follow(_ log: MemoryLog, readingID: String, entriesMax: Int) throws {
        if core.logID != readingID {
            restart()
            if !adopt(readingID) { core.logID = readingID }
        }
        for name in log.state.streams.keys.sorted(by: { $0.text < $1.text }) {
            while true {
                let after = core.progress[name.text]?.sequence ?? 0
                let known = places[name].flatMap { $0.after == after ? $0 : nil }
                let place = known ?? ReadingPlace(after: after)
                let result: ReadResult
                do {
                    result = try log.read(
                        ReadQuery(
                            stream: name, from: place, domains: Self.domains,
                            entriesMax: entriesMax))
                } catch let error as LogError
                    where error.code == .logMismatch || error.code == .positionExpired
                {
                    return restart()
                }
                let changes = result.entries.map { entry in
                    SequencedChange(
                        sequence: entry.sequence, epoch: entry.epoch, commit: entry.commit,
                        change: DomainChange(
                            stream: entry.stream, domain: entry.domain, key: entry.key,
                            version: entry.version,
                            value: entry.tombstone ? nil : Array(entry.value)))
                }
                core.apply(changes[...])
                core.advance(to: result.through)
                places[name] = place.advanced(to: result)
                if result.isAtHead { break }
            }
        }
        // Whoever copies again does not answer before it holds all that it held.
        isOpen = isOpen || core.isWhole && log.state.identity?.missing.isEmpty ?? false
    }

    /// Starts from the snapshot, if it is of this log.
    private mutating func adopt(_ readingID: String) -> Bool {
        guard let saved, let end = saved.end, saved.head.logID == readingID else { return false }
        // It is tried once.
        self.saved = nil
        let state = SimulatedState()
        state.revivesSessions = revivesSessions
        guard saved.items.bytes.withUnsafeBytes({ state.restore(SnapshotPartReader($0)) }) else {
            return false
        }
        core.adopt(state, saved.head, end)
        usesSnapshot = true
        return true
    }

    /// Writes a little of a snapshot, and begins one where none is being written. A whole one is given
    /// back.
    mutating func snapshot(keys count: Int) -> SimulatedSnapshot? {
        guard isOpen, core.isWhole else { return nil }
        var snapshot = taking ?? SimulatedSnapshot(generation: core.generation)
        guard snapshot.generation == core.generation else {
            taking = nil
            return nil
        }
        if taking == nil {
            snapshot.head.logID = core.logID
            snapshot.head.from = core.places
        }
        for _ in 0..<count {
            guard let next = snapshot.next else { break }
            snapshot.next = core.state.copy(from: next, into: &snapshot.items)
        }
        taking = snapshot
        guard snapshot.next == nil else { return nil }
        taking = nil
        snapshot.end = .with { $0.through = core.places }
        if bug == .snapshotFromItsEnd { snapshot.head.from = core.places }
        return snapshot
    }

    func covers(_ position: LogPosition) -> Bool {
        position.sequence == 0 || core.progress[position.stream]?.covers(position) ?? false
    }
}
