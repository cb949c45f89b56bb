import Contracts
import RPC
import Synchronization

/// An append on its way.
final class Flight<State: DomainState>: Sendable {
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

    /// Waits until it has ended.
    func end() async -> Result<CoordinatorAppendResponse, any Error> {
        await task.value
        return result
    }

    /// Ends it and waits until it has ended.
    func cancel() async {
        task.cancel()
        await task.value
    }
}
