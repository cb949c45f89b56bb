import CoordinatorService
import DirectoryService
import Foundation
import KeyService
import Logging
import PermissionService
import PortalService
import RPC
import ServiceKit

/// Makes the five services' modules: the one place where they are named.
enum ServiceModules {
    /// Opens what the service keeps on disk. Throws `StartError`, or what the service throws.
    static func make(
        _ service: ServiceName, configuration: RegionConfiguration,
        channels: any ServiceChannels, logger: Logger
    ) async throws -> any ServiceModule {
        switch service {
        case .directory:
            return DirectoryModule(
                configuration: configuration, channels: channels, logger: logger)
        case .permission:
            return PermissionModule(
                configuration: configuration, channels: channels, logger: logger)
        case .keys:
            let region = configuration.region
            let trail = CoordinatorTrailRecorder(
                channel: try channels.channel(to: .coordinator, in: region))
            return try KeyServiceModule(
                configuration: KeyServiceConfiguration(
                    configuration,
                    rootKeyPassphrase: try RootKeyPassphrase.load(
                        ProcessInfo.processInfo.environment)),
                trail: trail,
                peers: { try channels.channel(to: .keys, in: $0) }, logger: logger)
        case .coordinator:
            return try await CoordinatorModule(
                settings: try CoordinatorSettings(configuration), channels: channels, logger: logger
            )
        case .portal:
            return try PortalModule(
                configuration: configuration, channels: channels, logger: logger)
        }
    }
}
