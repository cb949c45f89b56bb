import Contracts
public import RPC

/// The one table of who may call what, for every service. Not listed is denied.
///
/// Read it as: these callers may call these methods of this service. Services of other Regions
/// reach only what Region-to-Region work needs.
public enum ServiceRules {
    /// Callers by full method name, for one service.
    public static func rules(for service: ServiceName) -> [String: Set<AuthorizationTable.Caller>] {
        var rules: [String: Set<AuthorizationTable.Caller>] = [:]
        for grant in grants(for: service) + [everyone, watchers] {
            for method in grant.methods { rules[method, default: []].formUnion(grant.callers) }
        }
        return rules
    }

    /// The table of one service of one Region.
    public static func table(
        for service: ServiceName, configuration: RegionConfiguration
    ) -> AuthorizationTable {
        AuthorizationTable(
            region: configuration.region, operatorRoles: configuration.operatorRoles,
            rules: rules(for: service))
    }

    struct Grant {
        let methods: [String]
        let callers: Set<AuthorizationTable.Caller>

        init(_ methods: [MethodDescriptor], _ callers: [AuthorizationTable.Caller]) {
            self.methods = methods.map(\.fullName)
            self.callers = Set(callers)
        }

        init(names: [String], _ callers: [AuthorizationTable.Caller]) {
            self.methods = names
            self.callers = Set(callers)
        }
    }

    static let administrator = AuthorizationTable.Caller.operatorRole("administrator")
    static let keyAdministrator = AuthorizationTable.Caller.operatorRole("key-administrator")
    static let auditor = AuthorizationTable.Caller.operatorRole("auditor")
    static let breakGlass = AuthorizationTable.Caller.operatorRole("break-glass")
    static let operators = [administrator, keyAdministrator, auditor, breakGlass]

    static func local(_ services: ServiceName...) -> [AuthorizationTable.Caller] {
        services.map { .localService($0.rawValue) }
    }

    static func remote(_ services: ServiceName...) -> [AuthorizationTable.Caller] {
        services.map { .remoteService($0.rawValue) }
    }

    /// Health and reflection, which tell nothing of the installation: whoever has a certificate.
    static var everyone: Grant {
        Grant(
            names: ["grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"]
                + ReflectionService.methods,
            ServiceName.allCases.flatMap { local($0) + remote($0) } + operators)
    }

    /// The figures of every service.
    static var watchers: Grant { Grant(MonitoringMethods.all, [administrator, auditor]) }

    private static func grants(for service: ServiceName) -> [Grant] {
        switch service {
        case .directory: directoryGrants
        case .permission: permissionGrants
        case .keys: keysGrants
        case .coordinator: coordinatorGrants
        case .portal: portalGrants
        }
    }
}
