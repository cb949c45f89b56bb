import Contracts
import RPC
import ReplicationLog

/// Which service of a Region writes which domain, and in which stream. Not listed is refused.
enum DomainOwners {
    static let directory = "directory"
    static let permission = "permission"
    static let application = "application"
    static let session = "session"
    static let scimToken = "scim-token"
    static let breakGlass = "break-glass"
    /// Written by the coordinators themselves.
    static let instance = "instance"
    static let canary = "canary"
    static let checkpoint = "checkpoint"

    /// Domains whose records are sealed under data keys.
    static let sealed = [directory, permission, application, session, scimToken, breakGlass]

    private static let owners: [String: (service: String, scope: CoordinatorScope)] = [
        directory: ("directory", .control),
        permission: ("permission", .control),
        application: ("permission", .regional),
        session: ("portal", .regional),
        scimToken: ("portal", .control),
        breakGlass: ("portal", .control),
    ]

    /// The stream that the append goes to.
    ///
    /// Throws: PERMISSION_DENIED DOMAIN_NOT_OWNED.
    static func stream(
        for domain: String, scope: CoordinatorScope, peer: PeerIdentity, region: String
    ) throws -> StreamName {
        guard let owner = owners[domain], owner.scope == scope,
            case .service(owner.service, region) = peer
        else {
            throw RPCError(
                .permissionDenied, reason: "DOMAIN_NOT_OWNED",
                message: "\(peer) does not write the domain \(domain.prefix(64)) in this stream.")
        }
        return scope == .control ? .control : .regional(region)
    }
}
