import Contracts
import RPC
import ServiceKit

/// The services of one Region, as an operator reaches them.
struct RegionSession: Sendable {
    let context: OperatorContext
    let region: String
    let channels: any ServiceChannels
    let options: CallOptions

    /// The same operator, another Region.
    func other(_ region: String) throws -> RegionSession {
        _ = try context.addresses(of: .coordinator, in: region)
        return RegionSession(
            context: context, region: region, channels: channels, options: options)
    }

    var instance: CoordinatorInstanceAdministrationClient {
        get throws { CoordinatorInstanceAdministrationClient(try channel(.coordinator)) }
    }
    var log: CoordinatorLogClient {
        get throws { CoordinatorLogClient(try channel(.coordinator)) }
    }
    var trail: TrailClient { get throws { TrailClient(try channel(.coordinator)) } }
    var keys: KeysKeyManagementClient {
        get throws { KeysKeyManagementClient(try channel(.keys)) }
    }
    var directory: DirectoryClient { get throws { DirectoryClient(try channel(.directory)) } }
    var permissions: PermissionsClient {
        get throws { PermissionsClient(try channel(.permission)) }
    }
    var sessions: PortalSessionsClient {
        get throws { PortalSessionsClient(try channel(.portal)) }
    }
    var scimTokens: PortalScimTokensClient {
        get throws { PortalScimTokensClient(try channel(.portal)) }
    }
    var breakGlass: PortalBreakGlassClient {
        get throws { PortalBreakGlassClient(try channel(.portal)) }
    }
    var operatorCredentials: PortalOperatorCredentialsClient {
        get throws { PortalOperatorCredentialsClient(try channel(.portal)) }
    }

    func channel(_ service: ServiceName) throws -> any CallChannel {
        try channels.channel(to: service, in: region)
    }
}
