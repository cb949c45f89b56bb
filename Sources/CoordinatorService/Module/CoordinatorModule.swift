import Contracts
import Foundation
package import Logging
package import RPC
package import ReplicationLog
package import ServiceKit

/// The coordinator of one Region: its methods and the work beside them.
package struct CoordinatorModule: ServiceModule {
    private let coordinator: Coordinator
    package let methods: MethodTable

    /// Opens the log where the settings say, making it when there is none.
    ///
    /// `channels` reaches the keys service of this Region and the coordinators of others; `now` is
    /// the wall clock in microseconds since 1970. Throws `LogError`.
    package init(
        settings: CoordinatorSettings, channels: any ServiceChannels, logger: Logger,
        now: @escaping @Sendable () -> Int64 = CoordinatorModule.wallClock
    ) async throws {
        let engine = try LogStore(settings).open()
        try await self.init(
            settings: settings, engine: engine, channels: channels, logger: logger, now: now)
    }

    /// Runs on an engine that is already open.
    package init(
        settings: CoordinatorSettings, engine: any LogEngine, channels: any ServiceChannels,
        logger: Logger, now: @escaping @Sendable () -> Int64 = CoordinatorModule.wallClock
    ) async throws {
        coordinator = try await Coordinator(
            settings: settings, engine: engine, channels: channels, logger: logger, now: now)
        var methods = MethodTable()
        LogHandler(coordinator: coordinator).register(in: &methods)
        ReplicationHandler(coordinator: coordinator).register(in: &methods)
        InstanceHandler(coordinator: coordinator).register(in: &methods)
        TrailServiceHandler(coordinator: coordinator).register(in: &methods)
        self.methods = methods
    }

    package var name: ServiceName { .coordinator }

    /// Records straight into this Region's trail, for a process that runs the coordinator itself.
    package var trailRecorder: any TrailRecorder { LocalTrailRecorder(coordinator: coordinator) }

    /// A coordinator without an instance is ready: it waits to be given one. One that does not reach
    /// its log shows no news and takes no writes: another one of the Region has to be asked.
    package var readiness: Readiness {
        coordinator.engine.silence < coordinator.settings.timings.storageSilenceMax
            ? .ready : .notReady("the log's database does not answer")
    }

    package var figures: [ServiceFigure] { coordinator.figures }

    package func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await BookKeeping(coordinator: coordinator).run() }
            group.addTask { try await ReignWatch(coordinator: coordinator).begin() }
            group.addTask { try await CheckpointWitness(coordinator: coordinator).run() }
            if coordinator.engine.isShared {
                group.addTask { try await SharedAcknowledgements(coordinator: coordinator).run() }
                group.addTask { try await StorageGuard(coordinator: coordinator).clearTheWay() }
            }
            group.addTask { try await lead() }
        }
    }

    private func lead() async throws {
        while true {
            try await whenLeading(true)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await work() }
                group.addTask { try await whenLeading(false) }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    /// Waits until this process leads among the coordinators of the Region, or does not any more.
    private func whenLeading(_ isWanted: Bool) async throws {
        while coordinator.engine.leads != isWanted {
            try await Task.sleep(for: .milliseconds(250))
        }
    }

    private func work() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await SubscriptionSupervisor(coordinator: coordinator).run() }
            group.addTask { try await Canary(coordinator: coordinator).run() }
            group.addTask { try await CheckpointSigning(coordinator: coordinator).run() }
            group.addTask { try await Maintenance(coordinator: coordinator).run() }
            group.addTask { try await DigestGuard(coordinator: coordinator).run() }
            group.addTask { try await StorageGuard(coordinator: coordinator).run() }
            group.addTask { try await RestoreProof(coordinator: coordinator).run() }
            group.addTask { try await RegionWorkflow(coordinator: coordinator).run() }
            group.addTask { try await ReignWatch(coordinator: coordinator).run() }
            group.addTask { try await ForkRepair(coordinator: coordinator).run() }
            group.addTask { try await EncryptionUpdate(coordinator: coordinator).run() }
        }
    }

    /// Waits for writes under way and closes the log.
    package func close() async { await coordinator.engine.close() }

    package static let wallClock: @Sendable () -> Int64 = {
        Int64(Date().timeIntervalSince1970 * 1_000_000)
    }
}
