import Contracts
import Synchronization

/// States that were seen while events were recorded.
final class Recorded: Sendable {
    private let states = Mutex<[KeysKeyState?]>([])
    var all: [KeysKeyState?] { states.withLock { $0 } }
    func append(_ state: KeysKeyState?) { states.withLock { $0.append(state) } }
}
