import Contracts
import Synchronization

/// What other Regions last said about their related keys. Kept in memory: it is asked for again
/// every minute.
final class RelatedKeyBook: Sendable {
    struct Entry: Sendable {
        let state: KeysKeyState
        let policy: String
        let heardAtMicroseconds: Int64
    }

    private let entries = Mutex<[String: [String: Entry]]>([:])

    func note(_ keyID: String, region: String, _ entry: Entry) {
        entries.withLock { $0[keyID, default: [:]][region] = entry }
    }

    func forget(_ keyID: String, region: String) {
        entries.withLock { $0[keyID]?[region] = nil }
    }

    /// By Region.
    func entries(_ keyID: String) -> [String: Entry] { entries.withLock { $0[keyID] ?? [:] } }
}
