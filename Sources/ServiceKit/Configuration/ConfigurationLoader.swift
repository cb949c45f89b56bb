import Configuration
import Foundation
import SystemPackage

/// What is wrong with a configuration, naming the key.
public struct ConfigurationError: Error, CustomStringConvertible {
    public let key: String
    public let problem: String

    public init(key: String, problem: String) {
        self.key = key
        self.problem = problem
    }

    public var description: String { "configuration key \(key): \(problem)" }
}

extension RegionConfiguration {
    /// Reads the file, with environment variables (PORTOLAN_DATA_DIRECTORY…) on top.
    ///
    /// Throws `ConfigurationError` naming the key, or the file's error.
    public static func load(file: String) async throws -> RegionConfiguration {
        let provider = try await FileProvider<JSONSnapshot>(filePath: FilePath(file))
        let environment = EnvironmentVariablesProvider().prefixKeys(with: "portolan")
        return try read(ConfigReader(providers: [environment, provider]))
    }

    static func read(_ config: ConfigReader) throws -> RegionConfiguration {
        let region = try required(config, "region")
        guard isRegionName(region) else {
            throw ConfigurationError(key: "region", problem: "\(region) is not a Region name")
        }
        let accountID = try required(config, "accountID")
        guard accountID.utf8.count == 12, accountID.utf8.allSatisfy(\.isDigit) else {
            throw ConfigurationError(key: "accountID", problem: "needs 12 digits")
        }
        let server = try LogStorageLoader.server(
            config.scoped(to: "postgresql"), region: region)
        return RegionConfiguration(
            region: region, trustDomain: try required(config, "trustDomain"),
            accountID: accountID, keyCustody: try KeyCustody(config),
            organizationID: config.string(forKey: "organizationID") ?? "",
            dataDirectory: try required(config, "dataDirectory"),
            pkiDirectory: try required(config, "pki.directory"),
            listen: try addresses(config.scoped(to: "listen"), name: "listen"),
            httpsListen: try address(config, "listen.https"),
            metricsListen: try address(config, "listen.metrics"),
            portalURL: config.string(forKey: "portalURL") ?? "",
            securityKeyDomain: try securityKeyDomain(config), peers: try peers(config),
            operatorRoles: operatorRoles(config),
            availableRegions: config.stringArray(forKey: "availableRegions")
                ?? regionsEnabledByDefault,
            dataKeyHold: try seconds(config, "dataKeyHoldSeconds", 1...3_600, default: 300),
            snapshotEntries: try number(
                config, "snapshotEntries", 0...1_000_000_000, default: 50_000),
            comparison: try seconds(config, "comparisonSeconds", 1...86_400, default: 3_600),
            tombstoneHorizon: try seconds(
                config, "tombstoneHorizonSeconds", 60...31_536_000, default: 90 * 86_400),
            history: try seconds(
                config, "historySeconds", 0...86_400,
                default: Int(historyByDefault.components.seconds)),
            recordsKeyUse: config.bool(forKey: "trail.recordsKeyUse", default: false),
            trailCheckpoint: try seconds(
                config, "trail.checkpointSeconds", 1...86_400, default: 300),
            portal: try PortalSettings(config),
            logStorage: try LogStorageLoader.read(config, server),
            postgreSQL: server)
    }

    /// `([a-z]+-){2,3}\d`, at most 32 characters (sso-admin's pattern).
    public static func isRegionName(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return text.utf8.count <= 32 && (3...4).contains(parts.count)
            && parts.dropLast().allSatisfy { !$0.isEmpty && $0.allSatisfy(\.isLowercaseLetter) }
            && parts.last?.count == 1 && parts.last?.first?.isDigit == true
    }

    private static func required(_ config: ConfigReader, _ key: ConfigKey) throws -> String {
        guard let value = config.string(forKey: key), !value.isEmpty else {
            throw ConfigurationError(key: key.description, problem: "is missing")
        }
        return value
    }

    private static func address(_ config: ConfigReader, _ key: ConfigKey) throws -> ServiceAddress?
    {
        guard let text = config.string(forKey: key) else { return nil }
        guard let address = ServiceAddress(text) else {
            throw ConfigurationError(key: key.description, problem: "\(text) is not host:port")
        }
        return address
    }

    private static func addresses(
        _ config: ConfigReader, name: String
    ) throws -> [ServiceName: ServiceAddress] {
        var result: [ServiceName: ServiceAddress] = [:]
        for service in ServiceName.allCases {
            result[service] = try address(config, ConfigKey([service.rawValue]))
        }
        return result
    }

    /// Other Regions' services may have several addresses each.
    private static func addressLists(
        _ config: ConfigReader, name: String
    ) throws -> [ServiceName: [ServiceAddress]] {
        var result: [ServiceName: [ServiceAddress]] = [:]
        for service in ServiceName.allCases {
            guard let text = config.string(forKey: ConfigKey([service.rawValue])) else { continue }
            guard let list = ServiceAddress.list(text) else {
                throw ConfigurationError(
                    key: "\(name).\(service.rawValue)",
                    problem: "\(text) is not host:port, or several of them with commas between")
            }
            result[service] = list
        }
        return result
    }

    private static func peers(_ config: ConfigReader) throws -> [String: PeerRegion] {
        var result: [String: PeerRegion] = [:]
        for name in config.stringArray(forKey: "peers.names") ?? [] {
            guard isRegionName(name) else {
                throw ConfigurationError(key: "peers.names", problem: "\(name) is no Region name")
            }
            let peer = config.scoped(to: ConfigKey(["peers", name]))
            let lists = try addressLists(peer, name: "peers.\(name)")
            result[name] = PeerRegion(
                name: name, addresses: lists.compactMapValues(\.first),
                moreAddresses: lists.mapValues { Array($0.dropFirst()) },
                portalURL: peer.string(forKey: "portalURL") ?? "")
        }
        return result
    }

    /// A key that answers for another domain than the portal's could not be used there.
    private static func securityKeyDomain(_ config: ConfigReader) throws -> String {
        let domain = config.string(forKey: "securityKeyDomain") ?? ""
        let host = URLComponents(string: config.string(forKey: "portalURL") ?? "")?.host ?? ""
        guard domain.isEmpty || host == domain || host.hasSuffix(".\(domain)") else {
            throw ConfigurationError(
                key: "securityKeyDomain",
                problem: "\(domain) is neither the host of portalURL nor a domain that it is in")
        }
        return domain
    }

    private static func operatorRoles(_ config: ConfigReader) -> [String: Set<String>] {
        var result: [String: Set<String>] = [:]
        for name in config.stringArray(forKey: "operators.names") ?? [] {
            let roles = config.stringArray(forKey: ConfigKey(["operators", name, "roles"])) ?? []
            result[name] = Set(roles)
        }
        return result
    }

    private static func seconds(
        _ config: ConfigReader, _ key: ConfigKey, _ range: ClosedRange<Int>, default value: Int
    ) throws -> Duration {
        .seconds(try number(config, key, range, default: value))
    }

    private static func number(
        _ config: ConfigReader, _ key: ConfigKey, _ range: ClosedRange<Int>, default value: Int
    ) throws -> Int {
        let number = config.int(forKey: key, default: value)
        guard range.contains(number) else {
            throw ConfigurationError(
                key: key.description,
                problem: "\(number) is not within \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
