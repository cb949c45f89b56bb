import Foundation

/// Where a service listens or is reached.
public struct ServiceAddress: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    /// 0 to 65,535; 0 lets the system choose.
    public let port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads "host:port" or "[v6]:port".
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { return nil }
        self.init(host: host, port: port)
    }

    /// Reads one or more addresses of the same service, separated by commas; nil when one is wrong.
    public static func list(_ text: String) -> [ServiceAddress]? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let addresses = parts.compactMap { part in
            ServiceAddress(part.trimmed)
        }
        return addresses.count == parts.count ? addresses : nil
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Another Region, as this one reaches it.
public struct PeerRegion: Sendable {
    public let name: String
    public let addresses: [ServiceName: ServiceAddress]
    /// Further addresses of the same services: calls are spread over all.
    public let moreAddresses: [ServiceName: [ServiceAddress]]
    /// https URL of its access portal, without a trailing slash.
    public let portalURL: String

    public init(
        name: String, addresses: [ServiceName: ServiceAddress],
        moreAddresses: [ServiceName: [ServiceAddress]] = [:], portalURL: String
    ) {
        self.name = name
        self.addresses = addresses
        self.moreAddresses = moreAddresses
        self.portalURL = portalURL
    }
}

/// What the services of one Region need to know to start. Keys and defaults: Docs/configuration.md.
public struct RegionConfiguration: Sendable {
    /// `([a-z]+-){2,3}\d`, such as "eu-central-1".
    public let region: String
    public let trustDomain: String
    /// 12 digits: the management account.
    public let accountID: String
    public let keyCustody: KeyCustody
    /// "o-…"; may be empty.
    public let organizationID: String
    public let dataDirectory: String
    /// Where `portolan pki` put certificates and keys.
    public let pkiDirectory: String
    /// RPC listeners of this Region's services.
    public let listen: [ServiceName: ServiceAddress]
    /// HTTPS listener of the portal.
    public let httpsListen: ServiceAddress?
    /// Prometheus text over plain HTTP, loopback by default; absent: off. Port + index of the service.
    public let metricsListen: ServiceAddress?
    public let portalURL: String
    /// The domain that security keys answer for, the same in every Region; empty: the portal's host
    /// without its first label.
    public let securityKeyDomain: String
    public let peers: [String: PeerRegion]
    /// Roles by operator name: administrator, key-administrator, auditor, break-glass.
    public let operatorRoles: [String: Set<String>]
    /// Regions that may be added.
    public let availableRegions: [String]
    /// How long an unwrapped data key may be held.
    public let dataKeyHold: Duration
    /// Entries that a start of the directory reads at most before it keeps a snapshot; 0: it keeps none.
    public let snapshotEntries: Int
    /// Longest time between two comparisons of what services serve with the log.
    public let comparison: Duration
    /// How long a tombstone is kept.
    public let tombstoneHorizon: Duration
    /// How long an entry of the log that a newer one has replaced is kept at least: a backup that is
    /// taken that often can be restored to any moment.
    public let history: Duration
    /// Whether the trail has an event for each read and each use of a key over the AWS-compatible
    /// APIs. Changes and refusals are recorded in any case.
    public let recordsKeyUse: Bool
    /// Between two signed checkpoints of the trail.
    public let trailCheckpoint: Duration
    /// How the portal is reached, and what it offers.
    public let portal: PortalSettings
    /// The engine of the coordinator's log.
    public let logStorage: LogStorage
    /// How the database server is reached, also while another engine is in use.
    public let postgreSQL: PostgreSQLServer?

    public init(
        region: String, trustDomain: String, accountID: String,
        keyCustody: KeyCustody = KeyCustody(), organizationID: String,
        dataDirectory: String, pkiDirectory: String, listen: [ServiceName: ServiceAddress],
        httpsListen: ServiceAddress? = nil, metricsListen: ServiceAddress? = nil,
        portalURL: String = "", securityKeyDomain: String = "", peers: [String: PeerRegion] = [:],
        operatorRoles: [String: Set<String>] = [:],
        availableRegions: [String] = Self.regionsEnabledByDefault,
        dataKeyHold: Duration = .seconds(300), snapshotEntries: Int = 50_000,
        comparison: Duration = .seconds(3_600),
        tombstoneHorizon: Duration = .seconds(90 * 86_400),
        history: Duration = Self.historyByDefault, recordsKeyUse: Bool = false,
        trailCheckpoint: Duration = .seconds(300),
        portal: PortalSettings = PortalSettings(), logStorage: LogStorage = .sqlite,
        postgreSQL: PostgreSQLServer? = nil
    ) {
        self.region = region
        self.trustDomain = trustDomain
        self.accountID = accountID
        self.keyCustody = keyCustody
        self.organizationID = organizationID
        self.dataDirectory = dataDirectory
        self.pkiDirectory = pkiDirectory
        self.listen = listen
        self.httpsListen = httpsListen
        self.metricsListen = metricsListen
        self.portalURL = portalURL
        self.securityKeyDomain = securityKeyDomain
        self.peers = peers
        self.operatorRoles = operatorRoles
        self.availableRegions = availableRegions
        self.dataKeyHold = dataKeyHold
        self.snapshotEntries = snapshotEntries
        self.comparison = comparison
        self.tombstoneHorizon = tombstoneHorizon
        self.history = history
        self.recordsKeyUse = recordsKeyUse
        self.trailCheckpoint = trailCheckpoint
        self.portal = portal
        self.logStorage = logStorage
        self.postgreSQL = postgreSQL
    }

    public static let historyByDefault = Duration.seconds(60)

    /// The 17 commercial Regions that are enabled by default.
    public static let regionsEnabledByDefault = [
        "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1",
        "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2",
        "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
    ]

    /// Address of a service: of this Region when `region` is its own, else of the peer.
    public func address(of service: ServiceName, in region: String) -> ServiceAddress? {
        region == self.region ? listen[service] : peers[region]?.addresses[service]
    }

    /// All addresses of a service; none when it is not known.
    public func addresses(of service: ServiceName, in region: String) -> [ServiceAddress] {
        guard let first = address(of: service, in: region) else { return [] }
        let more = region == self.region ? nil : peers[region]?.moreAddresses[service]
        return [first] + (more ?? [])
    }

    /// Directory of one service's data.
    public func dataDirectory(of service: ServiceName) -> String {
        "\(dataDirectory)/\(service.rawValue)"
    }
}
