import Contracts
import RPC
import Synchronization

/// A request that waits for its batch.
final class PendingWrite<State: DomainState>: Sendable {
    let deadline: Deadline
    /// Decides against the state and keeps the answer for later.
    let plan: @Sendable (State) throws -> PlannedWrite
    private let continuation: Mutex<CheckedContinuation<LogPosition, any Error>?>

    init(
        deadline: Deadline, continuation: CheckedContinuation<LogPosition, any Error>,
        plan: @escaping @Sendable (State) throws -> PlannedWrite
    ) {
        self.deadline = deadline
        self.plan = plan
        self.continuation = Mutex(continuation)
    }

    /// Answers; the first answer counts.
    func finish(_ result: Result<LogPosition, any Error>) {
        continuation.withLock { $0.take() }?.resume(with: result)
    }
}

/// What a request wants, without the type of its answer.
struct PlannedWrite: Sendable {
    var changes: [RecordChange]
    var events: [TrailEvent]
    var exclusive: [String]
    var shared: [String]
}

/// Requests that go into one append.
struct WriteBatch<State: DomainState>: Sendable {
    static var recordsGoal: Int { 512 }
    static var recordsMax: Int { 9_999 }
    static var bytesMax: Int { 3_900_000 }
    static var valueBytesMax: Int { 200 << 10 }

    private(set) var items: [PendingWrite<State>] = []
    private(set) var changes: [RecordChange] = []
    /// The changes as they go into the log.
    private(set) var records: [LogRecord] = []
    private(set) var events: [TrailEvent] = []
    /// Whether a request was turned away because there is no room for it.
    private(set) var isFull = false
    private var bytes = 0
    private var exclusive: Set<String> = []
    private var shared: Set<String> = []
    /// Claims of the batches before, which are not applied yet.
    private var claimsBefore: [(exclusive: Set<String>, shared: Set<String>)] = []

    /// A batch whose requests are decided while `others` are on their way.
    init(behind others: [WriteBatch] = []) {
        claimsBefore = others.map { ($0.exclusive, $0.shared) }
    }

    /// Whether a change in it is sealed under the data key.
    var isSealed: Bool {
        changes.contains { if case .sealed = $0.content { true } else { false } }
    }

    /// Takes a request in; false when it has to wait for the next batch.
    mutating func take(
        _ item: PendingWrite<State>, _ planned: PlannedWrite,
        sealed: (RecordChange) throws -> LogRecord
    ) throws -> Bool {
        let size = try Self.checkedSize(planned)
        guard
            items.isEmpty
                || (changes.count + planned.changes.count <= Self.recordsGoal
                    && bytes + size <= Self.bytesMax)
        else {
            isFull = true
            return false
        }
        let own = planned.changes.map(\.key) + planned.exclusive
        let isInTheWay =
            own.contains { isExclusive($0) || isShared($0) }
            || planned.shared.contains { isExclusive($0) }
        guard !isInTheWay else { return false }
        records.append(contentsOf: try planned.changes.map(sealed))
        exclusive.formUnion(own)
        shared.formUnion(planned.shared)
        bytes += size
        items.append(item)
        changes.append(contentsOf: planned.changes)
        events.append(contentsOf: planned.events)
        return true
    }

    private func isExclusive(_ claim: String) -> Bool {
        exclusive.contains(claim) || claimsBefore.contains { $0.exclusive.contains(claim) }
    }

    private func isShared(_ claim: String) -> Bool {
        shared.contains(claim) || claimsBefore.contains { $0.shared.contains(claim) }
    }

    private static func checkedSize(_ planned: PlannedWrite) throws -> Int {
        var size = 0
        for change in planned.changes {
            if case .sealed(let value) = change.content, value.count > valueBytesMax {
                throw RPCError(
                    .invalidArgument, reason: "RECORD_TOO_LARGE",
                    message: "A record may have \(valueBytesMax) bytes; this one has "
                        + "\(value.count).")
            }
            size += change.byteCount
        }
        for event in planned.events { size += event.byteEstimate }
        guard size <= bytesMax, planned.changes.count <= recordsMax else {
            throw RPCError(
                .invalidArgument, reason: "WRITE_TOO_LARGE",
                message: "One write may change \(recordsMax) records; divide it.")
        }
        return size
    }
}

extension TrailEvent {
    var byteEstimate: Int {
        200 + requestParametersJson.utf8.count + responseElementsJson.utf8.count
            + additionalEventDataJson.utf8.count + serviceEventDetailsJson.utf8.count
    }
}
