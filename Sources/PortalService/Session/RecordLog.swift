import Contracts
import Foundation
import RPC

/// State built from the records of one domain, over all streams that hold it.
protocol RecordState: Sendable {
    init()
    /// A record's new value. Keys of kinds that are not known are passed over.
    mutating func put(key: String, value: Data) throws
    mutating func remove(key: String)
}

/// One record to write: a whole new value, or nil to remove the key.
struct RecordChange: Sendable {
    let key: String
    let value: Data?
}

/// What a write does: its records and the events that belong to them, in one append.
struct RecordWrite: Sendable {
    var changes: [RecordChange]
    var events: [TrailEvent]
    /// What else the decision rests on: two writes of the same name are decided one after the
    /// other, as two writes of the same key are.
    var exclusive: [String] = []
}

/// A replicated domain that the portal owns: read from memory, written through the log.
protocol RecordLog<State>: Sendable {
    associatedtype State: RecordState

    /// Throws `RPCError` UNAVAILABLE STATE_LOADING or FAILED_PRECONDITION while the state is not
    /// complete or its key cannot be used: nothing may then be decided from it.
    func read<Value: Sendable>(_ body: @Sendable (State) throws -> Value) throws -> Value

    /// Runs `prepare` on the state that the append will follow; what it throws is thrown to the
    /// caller and nothing is written. Returns once the records are on disk and applied here.
    func write(
        _ prepare: @escaping @Sendable (State) throws -> RecordWrite
    ) async throws -> LogPosition
}
