import ReplicationLog
import Synchronization

/// Entries that were found damaged in storage and have not been mended yet.
final class DamageBook: Sendable {
    /// What is found beyond is found again.
    private static let entriesMax = 1_024

    private struct State {
        var open: Set<EntryPlace> = []
        var underWay: Set<EntryPlace> = []
    }

    private let state = Mutex(State())

    /// Takes up an entry. Nil when somebody is at it already; else whether it is news.
    func begin(_ place: EntryPlace) -> Bool? {
        state.withLock { state in
            guard state.underWay.insert(place).inserted else { return nil }
            return !state.open.contains(place)
        }
    }

    func end(_ place: EntryPlace, isMended: Bool) {
        state.withLock { state in
            state.underWay.remove(place)
            if isMended {
                state.open.remove(place)
            } else if state.open.count < Self.entriesMax {
                state.open.insert(place)
            }
        }
    }

    var open: Set<EntryPlace> { state.withLock { $0.open } }
}
