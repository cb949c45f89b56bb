import Contracts
import Foundation
import RPC
import Synchronization

/// Writes batch after batch: while one is on its way to the disk, the next one forms behind it.
///
/// At most one append is under way. The next is compared with where that one left the domain, so it is
/// refused whenever somebody else wrote in between, and is then decided again.
struct WritePipeline<State: DomainState>: Sendable {
    static var attemptsMax: Int { 16 }

    let writer: DomainWriter<State>

    private var replica: DomainReplica<State> { writer.replica }

    /// Requests that are to be decided, and what is on its way.
    private struct Course {
        /// Turned away by one batch; before all others in the next.
        var waiting: [PendingWrite<State>] = []
        var flight: Flight<State>?
        /// How often in a row others were quicker.
        var refusals = 0
    }

    /// Returns only by throwing `CancellationError`.
    func run() async throws {
        var course = Course()
        defer { for item in course.waiting { item.finish(.failure(RPCError.shuttingDown)) } }
        while true {
            if let flight = course.flight {
                let next = await formBehind(flight, &course)
                await land(flight, next, &course)
            } else {
                if course.waiting.isEmpty { try await writer.waitForItems() }
                try Task.checkCancellation()
                await begin(&course)
            }
        }
    }

    private func begin(_ course: inout Course) async {
        course.waiting += writer.takeItems(room(course))
        do {
            try await admit()
            var batch = try await FormingBatch(writer)
            course.waiting = batch.take(course.waiting)
            course.flight = try launch(batch, expected: batch.expected)
        } catch {
            for item in course.waiting { item.finish(.failure(error)) }
            course.waiting = []
        }
    }

    /// Outside the primary the coordinator's own refusal is the answer.
    private func admit() async throws {
        guard writer.domain.scope == .control, let snapshot = replica.instance.current,
            snapshot.instance.primaryRegion != replica.settings.region
        else { return }
        var request = CoordinatorAppendRequest()
        request.scope = .control
        request.domain = writer.domain.name
        request.requestID = UUID().uuidString.lowercased()
        do {
            _ = try await replica.clients.log.append(request)
        } catch let error as RPCError where error.reason == "DOMAIN_ADVANCED" {
            // This Region has become the primary by now.
        }
    }

    private func room(_ course: Course) -> Int {
        max(0, WriteBatch<State>.recordsGoal - course.waiting.count)
    }

    /// Nil when there is nothing to append.
    private func launch(
        _ batch: FormingBatch<State>, expected: UInt64
    ) throws -> Flight<State>? {
        guard !batch.batch.items.isEmpty else { return nil }
        do {
            let append = try batch.append(expected: expected)
            return Flight(batch, append, through: replica.clients.log, signal: writer.arrived)
        } catch {
            for item in batch.batch.items { item.finish(.failure(error)) }
            throw error
        }
    }

    /// Takes in what comes until the append under way has ended.
    private func formBehind(
        _ flight: Flight<State>, _ course: inout Course
    ) async -> FormingBatch<State>? {
        var next: FormingBatch<State>?
        if !course.waiting.isEmpty {
            next = FormingBatch(writer, behind: flight.batch)
            if let rest = next?.take(course.waiting) { course.waiting = rest }
        }
        while true {
            let mayTake =
                room(course) > 0 && !(next?.batch.isFull ?? false) && !flight.batch.bringsDataKey
            do {
                _ = try await writer.arrived.wait(until: .never) { [writer] in
                    flight.isOver || mayTake && writer.itemCount > 0
                }
            } catch {
                await flight.cancel()
            }
            let isOver = flight.isOver
            if mayTake {
                let items = writer.takeItems(room(course))
                if next == nil, !items.isEmpty {
                    next = FormingBatch(writer, behind: flight.batch)
                }
                course.waiting += next?.take(items) ?? items
            }
            if isOver { return next }
        }
    }

    /// Sends the next batch on its way first, and then answers those of the one that has ended.
    private func land(
        _ flight: Flight<State>, _ next: FormingBatch<State>?, _ course: inout Course
    ) async {
        course.flight = nil
        switch flight.result {
        case .success(let answer):
            course.refusals = 0
            let isValid = replica.withCore { $0.generation } == next?.generation
            if let next, isValid {
                course.flight = try? launch(next, expected: flight.append.lastSequence(answer))
            }
            flight.append.settle(answer, in: replica)
            if let next, !isValid { course.waiting = next.batch.items + course.waiting }
        case .failure(let error as RPCError) where error.reason == "DOMAIN_ADVANCED":
            course.waiting = (next?.batch.items ?? []) + course.waiting
            await decideAgain(flight, error, &course)
        case .failure(let error):
            course.refusals = 0
            course.waiting = (next?.batch.items ?? []) + course.waiting
            flight.append.fail(error)
        }
    }

    private func decideAgain(
        _ flight: Flight<State>, _ error: RPCError, _ course: inout Course
    ) async {
        course.refusals += 1
        guard course.refusals < Self.attemptsMax else {
            course.refusals = 0
            return flight.append.fail(
                RPCError(
                    .aborted, reason: "DOMAIN_ADVANCED",
                    message: "Other writers were quicker \(Self.attemptsMax) times; try again."))
        }
        do {
            try await catchUp(error)
            course.waiting = flight.append.batch.items + course.waiting
        } catch {
            flight.append.fail(error)
        }
    }

    /// Waits until the tail has brought what the others wrote.
    private func catchUp(_ error: RPCError) async throws {
        let stream = writer.stream
        guard let target = error.metadata["domain-sequence"].flatMap(UInt64.init) else {
            // The state was built from another reading of the log: the tail is about to say so.
            return try await Task.sleep(for: .milliseconds(50))
        }
        let replica = replica
        let isThere = try await replica.progressed.wait(until: .after(.seconds(5))) {
            replica.withCore { ($0.progress[stream]?.sequence ?? 0) >= target }
        }
        guard isThere else {
            throw RPCError(
                .unavailable, reason: "NOT_REPLICATED_YET",
                message: "The service is behind its coordinator; try again.")
        }
        replica.withCore { $0.notePassed(target, in: stream) }
    }
}

/// An append on its way.
private final class Flight<State: DomainState>: Sendable {
    /// What it was made from; batches that form behind it keep clear of its claims.
    let batch: FormingBatch<State>
    let append: BatchAppend<State>
    private let outcome: Outcome
    private let task: Task<Void, Never>

    private final class Outcome: Sendable {
        let result = Mutex<Result<CoordinatorAppendResponse, any Error>?>(nil)
    }

    /// Starts it; `signal` is notified at its end.
    init(
        _ batch: FormingBatch<State>, _ append: BatchAppend<State>,
        through client: CoordinatorLogClient, signal: Signal
    ) {
        self.batch = batch
        self.append = append
        let outcome = Outcome()
        self.outcome = outcome
        task = Task {
            do {
                let answer = try await append.send(through: client)
                outcome.result.withLock { $0 = .success(answer) }
            } catch {
                outcome.result.withLock { $0 = .failure(error) }
            }
            signal.notify()
        }
    }

    var isOver: Bool { outcome.result.withLock { $0 != nil } }

    /// How it ended; asked for once it is over.
    var result: Result<CoordinatorAppendResponse, any Error> {
        outcome.result.withLock { $0 } ?? .failure(RPCError.shuttingDown)
    }

    /// Ends it and waits until it has ended.
    func cancel() async {
        task.cancel()
        await task.value
    }
}
