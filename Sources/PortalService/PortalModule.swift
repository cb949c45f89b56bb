import Contracts
import Foundation
import Hummingbird
import HummingbirdHTTP2
package import Logging
import NIOCore
import NIOSSL
import ReplicatedState
package import RPC
package import ServiceKit

/// The portal: HTTPS for people, identity providers and tools; sessions, role credentials and SCIM
/// tokens by RPC.
package struct PortalModule: ServiceModule {
    package let name = ServiceName.portal
    package let methods: MethodTable
    private let features: PortalFeatures
    private let sessions: ReplicatedRecordLog<SessionState>
    private let scimTokens: ReplicatedRecordLog<ScimTokenState>
    private let breakGlass: ReplicatedRecordLog<BreakGlassState>
    private let monitor: InstanceMonitor

    /// Throws when a template cannot be read.
    package init(
        configuration: RegionConfiguration, channels: any ServiceChannels, logger: Logging.Logger
    ) throws {
        let clients = ReplicaClients(channels, region: configuration.region)
        monitor = InstanceMonitor(clients.instance, logger: logger)
        sessions = ReplicatedRecordLog(
            domain: DomainBinding("session", .regional), configuration: configuration,
            channels: channels, instance: monitor, logger: logger)
        scimTokens = ReplicatedRecordLog(
            domain: DomainBinding("scim-token", .control), configuration: configuration,
            channels: channels, instance: monitor, logger: logger)
        breakGlass = ReplicatedRecordLog(
            domain: DomainBinding("break-glass", .control), configuration: configuration,
            channels: channels, instance: monitor, logger: logger)
        func channel(_ service: ServiceName) -> LocalChannel {
            LocalChannel(channels, to: service, in: configuration.region)
        }
        let coordinator = channel(.coordinator)
        features = try PortalFeatures(
            PortalServices(
                configuration: configuration,
                instance: InstanceWatch(channel: coordinator, logger: logger),
                directory: DirectoryClient(channel(.directory)),
                permissions: PermissionsClient(channel(.permission)),
                coordinator: clients.instance, trailClient: TrailClient(coordinator),
                cryptography: clients.cryptography,
                keyManagement: KeysKeyManagementClient(channel(.keys)),
                trail: CoordinatorTrailRecorder(channel: coordinator), sessions: sessions,
                scimTokens: scimTokens, breakGlass: breakGlass, assertionGate: SAMLGate(),
                now: { Date() },
                logger: logger))
        methods = Self.methods(features)
    }

    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await monitor.run() }
            group.addTask { await features.services.instance.run() }
            group.addTask { try await sessions.run() }
            group.addTask { try await scimTokens.run() }
            group.addTask { try await breakGlass.run() }
            group.addTask { await grantWatch.run() }
            group.addTask {
                await SessionSweeper(
                    log: sessions, now: features.services.now, logger: features.services.logger
                ).run()
            }
            group.addTask { try await PortalServer(features: features).run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private var grantWatch: GrantWatch {
        GrantWatch(
            desk: features.grants, breakGlass: features.services.breakGlass,
            instance: features.services.instance, logger: features.services.logger)
    }

    /// Comparisons with the log, what limits have refused, and emergency access.
    package var figures: [ServiceFigure] {
        get async {
            (sessions.figures + scimTokens.figures + breakGlass.figures).merged
                + [features.services.limits.figure] + features.emergencyFigures
        }
    }

    package var readiness: Readiness {
        get async {
            guard features.services.instance.snapshot != nil else {
                return .notReady("this Region holds no instance yet")
            }
            return sessions.status.isOpen ? .ready : .notReady(sessions.status.reason)
        }
    }

    static func methods(_ features: PortalFeatures) -> MethodTable {
        var methods = MethodTable()
        SessionAdministration(
            desk: features.sessionDesk, configuration: features.services.configuration
        ).register(in: &methods)
        ScimTokenAdministration(
            desk: features.scimDesk, configuration: features.services.configuration
        ).register(in: &methods)
        OperatorCredentials(
            issuer: features.issuer, instance: features.services.instance,
            configuration: features.services.configuration
        ).register(in: &methods)
        BreakGlassAdministration(
            desk: features.breakGlass, grants: features.grants, access: features.access,
            trail: features.services.trail, configuration: features.services.configuration
        ).register(in: &methods)
        CredentialAdministration(authenticator: features.authenticator, issuer: features.issuer)
            .register(in: &methods)
        return methods
    }
}
