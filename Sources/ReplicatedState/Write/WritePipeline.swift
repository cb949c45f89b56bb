import Contracts
import Foundation
import RPC
import Synchronization

/// Writes batch after batch: while some are on their way to the disk, the next one forms behind them.
///
/// Each append says what it follows: where the domain stood, or an append that is on its way. So it is
/// refused whenever somebody else wrote in between, or the one before was refused, and is then decided
/// again. What has been written is applied here in its order.
struct WritePipeline<State: DomainState>: Sendable {
    static var attemptsMax: Int { 16 }
    /// Two keep disk and processors busy; more would only make batches smaller.
    static var flightsMax: Int { 2 }
    /// So many requests are worth an append of their own while another one is on its way. With fewer there
    /// would only be more syncs, here and in every copy.
    static var launchMin: Int { 12 }

    let writer: DomainWriter<State>

    private var replica: DomainReplica<State> { writer.replica }

    /// Requests that are to be decided, and what is on its way.
    private struct Course {
        /// Turned away by one batch; before all others in the next.
        var waiting: [PendingWrite<State>] = []
        /// Each follows the one before.
        var flights: [Flight<State>] = []
        /// What is to follow them.
        var next: FormingBatch<State>?
        /// How often in a row others were quicker.
        var refusals = 0

        var isOldestOver: Bool { flights.first?.isOver ?? false }

        /// Whether what comes next is sent before what is on its way has ended.
        var shouldLaunch: Bool {
            guard let next, flights.count < WritePipeline.flightsMax else { return false }
            return next.batch.isFull || next.batch.items.count >= WritePipeline.launchMin
        }

        /// What is to follow has to be decided again.
        mutating func dissolve() {
            waiting = (next?.batch.items ?? []) + waiting
            next = nil
        }
    }

    /// Returns only by throwing `CancellationError`.
    func run() async throws {
        var course = Course()
        defer { for item in course.waiting { item.finish(.failure(RPCError.shuttingDown)) } }
        while true {
            if course.flights.isEmpty {
                if course.waiting.isEmpty { try await writer.waitForItems() }
                try Task.checkCancellation()
                await begin(&course)
            } else {
                await formBehind(&course)
                if course.isOldestOver { await land(&course) } else { launchNext(&course) }
            }
        }
    }

    private func begin(_ course: inout Course) async {
        course.waiting += writer.takeItems(room(course))
        do {
            try await admit()
            var batch = try await FormingBatch(writer)
            course.waiting = batch.take(course.waiting)
            try launch(batch, &course)
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

    /// Sends a batch on its way, if there is anything in it. What it throws is its requests' answer.
    private func launch(_ batch: FormingBatch<State>, _ course: inout Course) throws {
        guard !batch.batch.items.isEmpty else { return }
        do {
            let append = try batch.append()
            course.flights.append(
                Flight(batch, append, through: replica.clients.log, signal: writer.arrived))
        } catch {
            for item in batch.batch.items { item.finish(.failure(error)) }
            throw error
        }
    }

    private func launchNext(_ course: inout Course) {
        guard let next = course.next else { return }
        course.next = nil
        try? launch(next, &course)
    }

    /// Takes in what comes until the oldest append has ended, or what has formed is to be sent.
    private func formBehind(_ course: inout Course) async {
        if !course.waiting.isEmpty { take([], &course) }
        while !course.isOldestOver, !course.shouldLaunch {
            let oldest = course.flights[0]
            let mayTake =
                room(course) > 0 && !(course.next?.batch.isFull ?? false)
                && !course.flights.contains(where: \.batch.bringsDataKey)
            do {
                _ = try await writer.arrived.wait(until: .never) { [writer] in
                    oldest.isOver || mayTake && writer.itemCount > 0
                }
            } catch {
                for flight in course.flights { await flight.cancel() }
            }
            if mayTake { take(writer.takeItems(room(course)), &course) }
        }
    }

    /// Decides those that wait, and these after them, behind what is on its way.
    private func take(_ items: [PendingWrite<State>], _ course: inout Course) {
        let all = course.waiting + items
        guard !all.isEmpty else { return }
        if course.next == nil { course.next = FormingBatch(writer, behind: course.flights) }
        course.waiting = course.next?.take(all) ?? all
    }

    /// Sends the next batch on its way first, and then answers those of the one that has ended.
    private func land(_ course: inout Course) async {
        let flight = course.flights[0]
        switch flight.result {
        case .success(let answer):
            course.refusals = 0
            let isValid = replica.withCore { $0.generation } == course.next?.generation
            if isValid { launchNext(&course) } else { course.dissolve() }
            course.flights.removeFirst()
            flight.append.settle(answer, in: replica)
        case .failure(let error as RPCError) where error.isOvertaken:
            // None of those behind it can be written.
            course.dissolve()
            let others = course.flights.dropFirst()
            course.flights = []
            for other in others { await other.cancel() }
            course.waiting = others.flatMap(\.append.batch.items) + course.waiting
            await decideAgain(flight, error, &course)
        case .failure(let error):
            course.refusals = 0
            course.dissolve()
            let others = course.flights.dropFirst()
            course.flights = []
            flight.append.fail(error)
            for other in others.reversed() { await landAlone(other, &course) }
        }
    }

    /// An append behind one of which nobody knows how it has ended. If this one is in the log, so is the
    /// other.
    private func landAlone(_ flight: Flight<State>, _ course: inout Course) async {
        switch await flight.end() {
        case .success(let answer): await flight.append.settleByTail(answer, in: replica)
        case .failure(let error as RPCError) where error.isOvertaken:
            course.waiting = flight.append.batch.items + course.waiting
        case .failure(let error): flight.append.fail(error)
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

extension RPCError {
    /// Whether something else is the newest in the domain than what an append was to follow. Nothing of it
    /// has been written.
    fileprivate var isOvertaken: Bool {
        ["DOMAIN_ADVANCED", "PREDECESSOR_UNKNOWN"].contains(reason)
    }
}
