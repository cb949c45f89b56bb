public import Logging
public import RPC
import Contracts
import ReplicatedState
public import ServiceKit
import Synchronization

/// The directory service of one Region: users, groups and memberships.
public struct DirectoryModule: ServiceModule {
    public let name = ServiceName.directory
    public let methods: MethodTable
    private let monitor: InstanceMonitor
    private let replica: DomainReplica<DirectoryState>
    private let writer: DomainWriter<DirectoryState>
    private let server: DirectoryServer

    public init(
        configuration: RegionConfiguration, channels: any ServiceChannels, logger: Logger
    ) {
        let region = configuration.region
        let clients = ReplicaClients(channels, region: region)
        monitor = InstanceMonitor(clients.instance, logger: logger)
        replica = DomainReplica(
            ReplicaSettings(
                region: region, domains: [DirectoryServer.domain], context: .identityStore,
                dataKeyHold: configuration.dataKeyHold,
                snapshotFile: configuration.dataDirectory(of: .directory) + "/state.snapshot",
                snapshotPace: SnapshotPace(
                    entriesMin: UInt64(clamping: configuration.snapshotEntries)),
                comparisonPace: ComparisonPace(restMax: configuration.comparison)),
            clients: clients, instance: monitor, logger: logger)
        writer = DomainWriter(replica, domain: DirectoryServer.domain)
        let recorder = CoordinatorTrailRecorder(
            channel: LocalChannel(channels, to: .coordinator, in: region))
        server = DirectoryServer(
            replica: replica, writer: writer,
            audit: WriteAudit(
                recorder: recorder, source: DirectoryServer.eventSource,
                accountID: configuration.accountID, region: region, logger: logger))
        var methods = MethodTable()
        server.register(in: &methods)
        server.registerImmediate(in: &methods)
        self.methods = methods
    }

    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await monitor.run() }
            group.addTask { try await replica.run() }
            group.addTask { try await writer.run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    public func stopping() { server.isStopping.store(true, ordering: .relaxed) }

    public var figures: [ServiceFigure] { replica.figures }

    public var readiness: Readiness {
        get async {
            let status = replica.status
            return status.isOpen ? .ready : .notReady(status.reason)
        }
    }
}
