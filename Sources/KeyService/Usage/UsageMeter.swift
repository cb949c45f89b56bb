import Contracts
import RPC
import ServiceKit
import Synchronization

/// Counts requests per key, principal, operation and month. Counting is in memory; what was counted
/// goes to the store every few seconds, so a killed process loses a few seconds of figures and
/// nothing else.
final class UsageMeter: Sendable {
    struct Subject: Hashable, Sendable {
        let keyID: String
        let principal: String
        let operation: String
    }

    struct Entry: Hashable, Sendable {
        let subject: Subject
        let month: UsageMonth
    }

    private struct State {
        var counters: [Subject: UsageCounter] = [:]
        /// Counted, but not on disk yet.
        var pending: [Entry: UsageCount] = [:]
        var month: UsageMonth
        var metrics = UsageMetrics()
    }

    /// More different subjects than this are counted under "other".
    private static let subjectCountMax = 20_000

    private let state: Mutex<State>
    /// When the month that is counted in is over.
    private let monthEndsAt: Atomic<Int64>
    private let store: KeyStore
    private let now: @Sendable () -> Int64

    init(store: KeyStore, now: @escaping @Sendable () -> Int64) {
        self.store = store
        self.now = now
        let month = UsageMonth(microseconds: now())
        state = Mutex(State(month: month))
        monthEndsAt = Atomic(month.next.startMicroseconds)
    }

    /// The counter of a subject, for who counts often.
    func counter(_ operation: String, keyID: String, principal: String) -> UsageCounter {
        let subject = Subject(keyID: keyID, principal: principal, operation: operation)
        return state.withLock { state in
            if let counter = state.counters[subject] { return counter }
            var subject = subject
            if state.counters.count >= Self.subjectCountMax {
                subject = Subject(keyID: keyID, principal: "other", operation: "other")
                if let counter = state.counters[subject] { return counter }
            }
            let counter = UsageCounter()
            state.counters[subject] = counter
            return counter
        }
    }

    /// To be called before counting: what was counted until the end of a month stays in it.
    func keepMonth() {
        guard now() >= monthEndsAt.load(ordering: .relaxed) else { return }
        let month = UsageMonth(microseconds: now())
        state.withLock { state in
            guard month > state.month else { return }
            collect(&state)
            state.month = month
            monthEndsAt.store(month.next.startMicroseconds, ordering: .relaxed)
        }
    }

    func count(_ operation: String, keyID: String, principal: String, isRefused: Bool) {
        keepMonth()
        counter(operation, keyID: keyID, principal: principal).count(isRefused: isRefused)
    }

    /// Runs an operation and counts it.
    func metered<Value>(
        _ operation: String, _ key: ActiveKey, _ caller: Caller, _ body: () throws -> Value
    ) throws -> Value {
        keepMonth()
        let counter = counter(operation, keyID: key.stored.keyID, principal: caller.name)
        return try Self.counted(counter, body)
    }

    /// Runs an operation and counts it. A dry run that found nothing amiss is no refusal.
    static func counted<Value>(
        _ counter: UsageCounter, _ body: () throws -> Value
    ) throws -> Value {
        do {
            let value = try body()
            counter.count(isRefused: false)
            return value
        } catch {
            let isDryRun = (error as? RPCError)?.reason == RPCError.dryRunReason
            counter.count(isRefused: !isDryRun)
            throw error
        }
    }

    /// Writes what was counted. When that fails, the figures stay for the next time.
    func flush() throws {
        keepMonth()
        let batch = state.withLock { state in
            collect(&state)
            defer { state.pending = [:] }
            return state.pending
        }
        guard !batch.isEmpty else { return }
        do {
            try store.addUsage(batch)
        } catch {
            state.withLock { state in
                for (entry, count) in batch { state.pending[entry, default: UsageCount()] += count }
            }
            throw error
        }
    }

    /// The figures of one key or, with an empty ID, of all; of one month or, with an empty one, of
    /// all.
    func usage(
        keyID: String, month: String, region: String
    ) throws -> [KeysGetUsageResponse.Usage] {
        try flush()
        return try store.usage(keyID: keyID, month: month).map { entry, count in
            var usage = KeysGetUsageResponse.Usage()
            usage.keyID = entry.subject.keyID
            usage.region = region
            usage.principal = entry.subject.principal
            usage.operation = entry.subject.operation
            usage.month = entry.month.text
            usage.requests = UInt64(clamping: count.requests)
            usage.refused = UInt64(clamping: count.refused)
            return usage
        }
    }

    /// What was counted since the start of the process.
    func figures(region: String) -> [ServiceFigure] {
        keepMonth()
        return state.withLock { state in
            collect(&state)
            return state.metrics.figures(region: region)
        }
    }

    /// Moves what the counters have to the month that is counted in, and to the metrics.
    private func collect(_ state: inout State) {
        for (subject, counter) in state.counters {
            let count = counter.take()
            guard count.requests != 0 || count.refused != 0 else { continue }
            let entry = Entry(subject: subject, month: state.month)
            state.pending[entry, default: UsageCount()] += count
            state.metrics.add(subject, count)
        }
    }
}
