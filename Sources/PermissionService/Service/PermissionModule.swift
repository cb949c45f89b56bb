import Contracts
package import Logging
package import RPC
import ReplicatedState
package import ServiceKit

/// The permission service of one Region.
package struct PermissionModule: ServiceModule {
    package let name = ServiceName.permission
    package let methods: MethodTable
    private let replica: DomainReplica<PermissionState>
    private let permissionWriter: DomainWriter<PermissionState>
    private let applicationWriter: DomainWriter<PermissionState>
    private let watch: DirectoryWatch

    package init(
        configuration: RegionConfiguration, channels: any ServiceChannels, logger: Logger
    ) {
        let region = configuration.region
        let clients = ReplicaClients(channels, region: region)
        let permissions = DomainBinding("permission", .control)
        let applications = DomainBinding("application", .regional)
        replica = DomainReplica(
            ReplicaSettings(
                region: region, domains: [permissions, applications], context: .instance,
                dataKeyHold: configuration.dataKeyHold,
                comparisonPace: ComparisonPace(restMax: configuration.comparison)),
            clients: clients, instance: InstanceMonitor(clients.instance, logger: logger),
            logger: logger)
        permissionWriter = DomainWriter(replica, domain: permissions)
        applicationWriter = DomainWriter(replica, domain: applications)
        let audit = WriteAudit(
            recorder: CoordinatorTrailRecorder(
                channel: LocalChannel(channels, to: .coordinator, in: region)),
            source: "sso.amazonaws.com", accountID: configuration.accountID, region: region,
            logger: logger)
        let directory = DirectoryClient(LocalChannel(channels, to: .directory, in: region))
        watch = DirectoryWatch(directory, logger: logger)
        var table = MethodTable()
        let handler = PermissionHandler(
            region: region, replica: replica, permissions: permissionWriter,
            applications: applicationWriter, audit: audit, directory: directory, watch: watch)
        handler.register(in: &table)
        handler.registerImmediate(in: &table)
        methods = table
    }

    package var figures: [ServiceFigure] { replica.figures }

    package var readiness: Readiness {
        get async {
            let status = replica.status
            return status.isOpen ? .ready : .notReady(status.reason)
        }
    }

    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await replica.instance.run() }
            group.addTask { try await replica.run() }
            group.addTask { try await permissionWriter.run() }
            group.addTask { try await applicationWriter.run() }
            group.addTask {
                try await watch.run { people in
                    (try? replica.read { state in people.forEach { state.answers.forget($0) } })
                        != nil
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
