import Foundation
import Synchronization

/// Remembers what requests that AWS answers by a status have done, so that tools which ask for the
/// status find it. The newest are kept; a process that starts anew knows none.
final class RequestBook: Sendable {
    static let countMax = 10_000

    /// What was asked for, and whether it is done.
    struct Entry: Sendable {
        let kind: Kind
        let accountID: String
        let permissionSetARN: String
        let principalType: String
        let principalID: String
        let date: Date
    }

    enum Kind: Sendable { case creation, deletion, provisioning }

    private struct State {
        var entries: [String: Entry] = [:]
        var order: [String] = []
    }

    private let state = Mutex(State())

    /// The ID to ask with.
    func add(_ entry: Entry) -> String {
        let id = RandomID.make()
        state.withLock { state in
            if state.order.count >= Self.countMax {
                for old in state.order.prefix(Self.countMax / 2) { state.entries[old] = nil }
                state.order.removeFirst(Self.countMax / 2)
            }
            state.entries[id] = entry
            state.order.append(id)
        }
        return id
    }

    func entry(_ id: String, _ kind: Kind) -> Entry? {
        state.withLock { $0.entries[id] }.flatMap { $0.kind == kind ? $0 : nil }
    }
}
