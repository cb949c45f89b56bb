import Contracts
import Logging
import RPC

/// Keeps a replica following: connects again, closes on a refused key, opens again.
struct ReplicaSupervisor<State: DomainState>: Sendable {
    let replica: DomainReplica<State>

    /// Returns only by throwing `CancellationError`.
    func run() async throws {
        var backoff = Backoff()
        while true {
            try Task.checkCancellation()
            guard let snapshot = replica.instance.current else {
                try await waitForInstance()
                continue
            }
            do {
                if try await follow(snapshot) { backoff.reset() }
            } catch let closure as ReplicaClosure {
                try await stayClosed(closure, snapshot)
                backoff.reset()
            } catch is CancellationError {
                throw CancellationError()
            } catch let error as RPCError where error.reason == "REGION_NOT_ENABLED" {
                replica.drop(.notEnabled)
            } catch {
                replica.logger.debug("the tail ended", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: backoff.next())
        }
    }

    private func waitForInstance() async throws {
        let monitor = replica.instance
        if monitor.isAbsent { replica.drop(.notEnabled) }
        _ = try await monitor.changes.wait(until: .after(.seconds(60))) {
            monitor.current != nil || (monitor.isAbsent && replica.status.name != "not-enabled")
        }
    }

    /// Why following an instance ended without an error.
    private enum Ending {
        case tail(hadCaughtUp: Bool)
        case instanceChanged
        case differsFromLog
    }

    /// Follows one instance until something ends it. True when the tail had caught up.
    private func follow(_ snapshot: InstanceSnapshot) async throws -> Bool {
        let session = TailSession(replica: replica, snapshot: snapshot)
        let ending = try await withThrowingTaskGroup(of: Ending.self) { group in
            group.addTask { .tail(hadCaughtUp: try await session.run()) }
            group.addTask {
                try await replica.ring.keepChecking(replica.wrapper, snapshot)
                return .tail(hadCaughtUp: false)
            }
            group.addTask {
                try await replica.instanceEnds(snapshot)
                return .instanceChanged
            }
            group.addTask {
                try await StateGuard(replica: replica).run()
                return .differsFromLog
            }
            defer { group.cancelAll() }
            return try await group.next() ?? .instanceChanged
        }
        switch ending {
        case .tail(let hadCaughtUp): return hadCaughtUp
        case .instanceChanged:
            // Only now: the tail, which could still open an emptied state, has ended.
            replica.drop(.loading(applied: 0, total: 0))
            return false
        case .differsFromLog:
            // A snapshot may hold the same.
            if let path = replica.settings.snapshotFile { SnapshotFile.remove(path) }
            replica.drop(.loading(applied: 0, total: 0))
            return true
        }
    }

    /// Stays closed until the key can be used again or a whole new attempt is due.
    private func stayClosed(_ closure: ReplicaClosure, _ snapshot: InstanceSnapshot) async throws {
        let isNews = replica.status.reason != ReplicaStatus.closed(closure.error).reason
        replica.drop(.closed(closure.error))
        if isNews {
            replica.logger.error(
                "closed",
                metadata: [
                    "reason": "\(closure.error.reason)", "message": "\(closure.error.message)",
                ])
        }
        // A KMS key that is not in this Region at all: a newer wrapping is probably on its way.
        let attempts = closure.error.reason == "NotFoundException" ? 1 : 10
        for _ in 0..<attempts {
            try await Task.sleep(for: replica.settings.keyRetryDelay)
            guard replica.instance.current == snapshot else { return }
            guard let dataKey = closure.dataKey else { continue }
            do {
                _ = try await replica.wrapper.open(dataKey, for: snapshot)
                return
            } catch let error as RPCError {
                try Task.checkCancellation()
                if error.isKeyRefusal {
                    let closure = ReplicaClosure(refusedKey: dataKey, error)
                    replica.change { $0.status = .closed(closure.error) }
                }
            }
        }
    }
}

extension DomainReplica {
    /// Returns once the instance is another one or gone.
    func instanceEnds(_ snapshot: InstanceSnapshot) async throws {
        let monitor = instance
        while true {
            let isOver = try await monitor.changes.wait(until: .after(.seconds(3600))) {
                monitor.current?.logID != snapshot.logID
                    || monitor.current?.instance.instanceArn != snapshot.instance.instanceArn
            }
            if isOver { return }
        }
    }
}
