import DequeModule
import Contracts
import Logging
package import RPC
import Synchronization

/// Turns many concurrent requests into few appends.
///
/// Each request is decided against the replica's state. What was decided in one batch is appended
/// at once, compared with the domain's last sequence, while the next batch forms behind it; when
/// someone else was quicker both are decided again. A request is answered when its records and its event are on disk, and its change
/// can then be read here.
package final class DomainWriter<State: DomainState>: Sendable {
    private struct Queue {
        var items: Deque<PendingWrite<State>> = []
        var isOver = false
    }

    static var queueMax: Int { 10_000 }

    let replica: DomainReplica<State>
    let domain: DomainBinding
    private let queue = Mutex(Queue())
    private let requestCount = Atomic<UInt64>(0)
    /// Told when a request has come, and when an append has ended.
    let arrived = Signal()

    package init(_ replica: DomainReplica<State>, domain: DomainBinding) {
        precondition(replica.settings.domains.contains(domain))
        self.replica = replica
        self.domain = domain
    }

    /// Writes that callers have asked for so far.
    var requests: UInt64 { requestCount.load(ordering: .relaxed) }

    /// The stream this Region writes the domain to.
    var stream: String { domain.scope.stream(of: replica.settings.region) }

    /// Decides, appends and applies.
    ///
    /// `plan` may run several times, under the replica's lock: it must be quick and without effects.
    /// What it throws is this request's answer.
    ///
    /// - Parameter inBackground: nobody waits for it; work of this kind gives way to others.
    /// Throws: the replica's status error, the coordinator's errors (NOT_PRIMARY with its metadata),
    /// RESOURCE_EXHAUSTED WRITE_QUEUE_FULL, DEADLINE_EXCEEDED.
    package func submit<Answer: Sendable>(
        until deadline: Deadline, inBackground: Bool = false,
        _ plan: @escaping @Sendable (State) throws -> DomainWrite<Answer>
    ) async throws -> Written<Answer> {
        if !inBackground { requestCount.add(1, ordering: .relaxed) }
        let box = AnswerBox<Answer>()
        let position = try await withCheckedThrowingContinuation { continuation in
            let item = PendingWrite<State>(deadline: deadline, continuation: continuation) {
                let write = try plan($0)
                box.answer.withLock { $0 = write.answer }
                return PlannedWrite(
                    changes: write.changes, events: write.events, exclusive: write.exclusive,
                    shared: write.shared)
            }
            enqueue(item)
        }
        guard let answer = box.answer.withLock({ $0 }) else {
            throw RPCError(.internalError, reason: "INTERNAL", message: "A write has no answer.")
        }
        return Written(answer: answer, position: position)
    }

    /// Writes until cancelled. Requests that wait are then refused.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                // Those beside it may wait for an answer, and are waited for.
                defer { end() }
                try await WritePipeline(writer: self).run()
            }
            group.addTask { try await DataKeyRewrapper(writer: self).run() }
            group.addTask { try await Resealer(writer: self).run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// How many requests wait to be decided.
    var itemCount: Int { queue.withLock { $0.items.count } }

    func waitForItems() async throws {
        _ = try await arrived.wait(until: .never) { [self] in itemCount > 0 }
    }

    private func enqueue(_ item: PendingWrite<State>) {
        let error = queue.withLock { queue -> RPCError? in
            if queue.isOver { return .shuttingDown }
            guard queue.items.count < Self.queueMax else {
                return RPCError(
                    .resourceExhausted, reason: "WRITE_QUEUE_FULL",
                    message: "Too many writes wait; try again.")
            }
            queue.items.append(item)
            return nil
        }
        if let error { return item.finish(.failure(error)) }
        arrived.notify()
    }

    /// The requests that have waited longest, at most so many.
    func takeItems(_ countMax: Int) -> [PendingWrite<State>] {
        queue.withLock { queue in
            let count = min(queue.items.count, countMax)
            let items = Array(queue.items.prefix(count))
            queue.items.removeFirst(count)
            return items
        }
    }

    private func end() {
        let items = queue.withLock { queue in
            queue.isOver = true
            defer { queue.items.removeAll() }
            return Array(queue.items)
        }
        for item in items { item.finish(.failure(RPCError.shuttingDown)) }
    }
}

/// Keeps a typed answer until the append is durable.
private final class AnswerBox<Answer: Sendable>: Sendable {
    let answer = Mutex<Answer?>(nil)
}

extension RPCError {
    static var shuttingDown: RPCError {
        RPCError(.unavailable, reason: "SHUTTING_DOWN", message: "The service is being stopped.")
    }
}
