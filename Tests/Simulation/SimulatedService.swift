import Contracts
import ReplicatedState
import ReplicationLog

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

    init() {}

    func apply(_ change: DomainChange) {
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
}

/// One service of a Region: the real replica core, fed from the Region's log.
struct SimulatedService {
    static let domains: Set<String> = ["directory", "session"]

    private(set) var core = ReplicaCore<SimulatedState>()
    /// Whether everything there was has been applied once since the state was dropped.
    private(set) var isOpen = false
    let revivesSessions: Bool

    init(revivesSessions: Bool) {
        self.revivesSessions = revivesSessions
        core.state.revivesSessions = revivesSessions
    }

    private mutating func restart() {
        core.drop()
        core.state.revivesSessions = revivesSessions
        isOpen = false
    }

    /// Reads what is new in the log, a step of the tail for each stream.
    mutating func follow(_ log: MemoryLog, readingID: String) throws {
        if core.logID != readingID {
            restart()
            core.logID = readingID
        }
        for name in log.state.streams.keys.sorted(by: { $0.text < $1.text }) {
            while true {
                let after = core.progress[name.text]?.sequence ?? 0
                let result: ReadResult
                do {
                    result = try log.read(
                        ReadQuery(stream: name, after: after, domains: Self.domains))
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
                if result.isAtHead { break }
            }
        }
        // Whoever copies again does not answer before it holds all that it held.
        isOpen = isOpen || log.state.identity?.missing.isEmpty ?? false
    }

    func covers(_ position: LogPosition) -> Bool {
        position.sequence == 0 || core.progress[position.stream]?.covers(position) ?? false
    }
}
