import Contracts
import RPC
import Synchronization

@testable import PortalService

/// A domain kept in memory, with what would have been appended.
final class MemoryLog<State: RecordState>: RecordLog {
    struct Content {
        var state = State()
        var appends: [RecordWrite] = []
        var failure: RPCError?
    }

    private let content = Mutex(Content())

    var appends: [RecordWrite] { content.withLock { $0.appends } }

    /// Reads and writes fail with this until it is nil again.
    func fail(with error: RPCError?) { content.withLock { $0.failure = error } }

    func read<Value: Sendable>(_ body: @Sendable (State) throws -> Value) throws -> Value {
        try content.withLock { content in
            if let failure = content.failure { throw failure }
            return try body(content.state)
        }
    }

    func write(
        _ prepare: @escaping @Sendable (State) throws -> RecordWrite
    ) async throws -> LogPosition {
        try content.withLock { content in
            if let failure = content.failure { throw failure }
            let write = try prepare(content.state)
            for change in write.changes {
                if let value = change.value {
                    try content.state.put(key: change.key, value: value)
                } else {
                    content.state.remove(key: change.key)
                }
            }
            content.appends.append(write)
            var position = LogPosition()
            position.stream = "region/eu-central-1"
            position.epoch = 1
            position.sequence = UInt64(content.appends.count)
            return position
        }
    }
}
