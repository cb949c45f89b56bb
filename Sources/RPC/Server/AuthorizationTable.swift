/// Who may call what. Not listed is denied.
public struct AuthorizationTable: Sendable {
    /// A kind of caller.
    public enum Caller: Hashable, Sendable {
        /// A service of the same Region as the server.
        case localService(String)
        /// A service of any other Region.
        case remoteService(String)
        /// An operator who holds the role.
        case operatorRole(String)
        /// Whoever has a certificate: for health and the like, which tell nothing.
        case anyone
    }

    /// This server's Region.
    public let region: String
    /// Roles by operator name.
    public let operatorRoles: [String: Set<String>]
    private let allowed: [String: Set<Caller>]

    /// `rules`: full method name to callers.
    public init(
        region: String, operatorRoles: [String: Set<String>], rules: [String: Set<Caller>]
    ) {
        self.region = region
        self.operatorRoles = operatorRoles
        self.allowed = rules
    }

    /// Whether the peer may call the method.
    public func allows(_ peer: PeerIdentity, method fullName: String) -> Bool {
        guard let callers = allowed[fullName] else { return false }
        if callers.contains(.anyone) { return true }
        switch peer {
        case .service(let name, let peerRegion):
            return callers.contains(
                peerRegion == region ? .localService(name) : .remoteService(name))
        case .operator(let name):
            guard let roles = operatorRoles[name] else { return false }
            return roles.contains { callers.contains(.operatorRole($0)) }
        }
    }

    /// Differences between the table and what is registered: start-up must fail unless empty.
    public func differences(from methods: MethodTable) -> [String] {
        let listed = Set(allowed.keys)
        let registered = Set(methods.entries.keys)
        return listed.subtracting(registered).sorted().map { "\($0) is listed but not registered" }
            + registered.subtracting(listed).sorted().map { "\($0) is registered but not listed" }
    }
}
