import Contracts
import RPC
import Synchronization

/// Sends what several callers record in one call, as soon as one of few calls has been answered.
///
/// A caller that has nobody beside it waits for nobody. Whoever is cancelled has its answer when its
/// call has one, since the events may have been recorded.
final class EventGathering: Sendable {
    typealias Send = @Sendable ([TrailEvent]) async throws -> Void

    /// Calls at a time: one on the way to disk, one on the way there.
    private static let callsMax = 2
    private static let waitingMax = 8_192

    private struct Waiting {
        let events: [TrailEvent]
        let answer: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var waiting: [Waiting] = []
        var events = 0
        var calls = 0
    }

    private let state = Mutex(State())
    private let send: Send

    init(send: @escaping Send) { self.send = send }

    /// - Parameter events: at most those of one call.
    func record(_ events: [TrailEvent]) async throws {
        try await withCheckedThrowingContinuation { answer in
            let waiting = Waiting(events: events, answer: answer)
            switch state.withLock({ Self.add(waiting, to: &$0) }) {
            case .refused:
                answer.resume(
                    throwing: RPCError(
                        .resourceExhausted, reason: "TRAIL_BUSY",
                        message: "Too much is waiting to be recorded; try again shortly."))
            case .begins: Task { await work() }
            case .waits: break
            }
        }
    }

    private enum Added { case refused, begins, waits }

    private static func add(_ waiting: Waiting, to state: inout State) -> Added {
        guard state.events + waiting.events.count <= waitingMax else { return .refused }
        state.waiting.append(waiting)
        state.events += waiting.events.count
        guard state.calls < callsMax else { return .waits }
        state.calls += 1
        return .begins
    }

    private func work() async {
        while let group = state.withLock({ Self.take(&$0) }) { await send(group) }
    }

    /// What goes next, in order; nil ends a call's work.
    private static func take(_ state: inout State) -> [Waiting]? {
        var (count, events) = (0, 0)
        for waiting in state.waiting {
            guard events + waiting.events.count <= CoordinatorTrailRecorder.eventsMax else { break }
            (count, events) = (count + 1, events + waiting.events.count)
        }
        guard count > 0 else {
            state.calls -= 1
            return nil
        }
        let group = Array(state.waiting.prefix(count))
        state.waiting.removeFirst(count)
        state.events -= events
        return group
    }

    private func send(_ group: [Waiting]) async {
        do {
            try await send(group.flatMap(\.events))
            for waiting in group { waiting.answer.resume() }
        } catch let error as RPCError where error.code == .invalidArgument && group.count > 1 {
            // One of them spoils it for the others, and nothing has been recorded.
            for waiting in group { await send([waiting]) }
        } catch {
            for waiting in group { waiting.answer.resume(throwing: error) }
        }
    }
}
