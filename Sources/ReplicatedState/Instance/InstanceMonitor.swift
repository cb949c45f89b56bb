package import Contracts
package import Logging
import RPC
import Synchronization

/// Follows the instance through the Region's coordinator.
package final class InstanceMonitor: Sendable {
    private struct Known {
        var hasAnswered = false
        var snapshot: InstanceSnapshot?
    }

    private let client: CoordinatorInstanceAdministrationClient
    private let logger: Logger
    private let known = Mutex(Known())
    /// Notified after each change.
    package let changes = Signal()

    package init(_ client: CoordinatorInstanceAdministrationClient, logger: Logger) {
        self.client = client
        self.logger = logger
    }

    /// The instance; nil while none is known.
    package var current: InstanceSnapshot? { known.withLock { $0.snapshot } }

    /// Whether the coordinator has said that this Region holds no instance.
    package var isAbsent: Bool { known.withLock { $0.hasAnswered && $0.snapshot == nil } }

    /// Follows until cancelled. What was known last stays while the coordinator cannot be reached.
    package func run() async throws {
        var backoff = Backoff()
        while true {
            try Task.checkCancellation()
            do {
                let answers = try await client.watchInstance(CoordinatorWatchInstanceRequest())
                for try await answer in answers {
                    backoff.reset()
                    learn(InstanceSnapshot(answer))
                }
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                logger.debug("watching the instance ended", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: backoff.next())
        }
    }

    private func learn(_ snapshot: InstanceSnapshot?) {
        let isNews = known.withLock { known in
            let isNews = !known.hasAnswered || known.snapshot != snapshot
            known = Known(hasAnswered: true, snapshot: snapshot)
            return isNews
        }
        if isNews { changes.notify() }
    }
}
