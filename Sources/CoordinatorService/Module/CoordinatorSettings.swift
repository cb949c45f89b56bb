package import Contracts
package import ServiceKit

/// What the coordinator of one Region needs to know to start.
package struct CoordinatorSettings: Sendable {
    package var region: String
    /// 12 digits: the management account.
    package var accountID: String
    package var organizationID: String
    /// Directory of this service's data; must exist.
    package var dataDirectory: String
    /// https URL of this Region's portal.
    package var portalURL: String
    /// "host:port" of this coordinator, as other Regions reach it.
    package var coordinatorAddress: String
    package var peers: [String: PeerRegion]
    /// Regions that may be added.
    package var availableRegions: [String]
    package var tombstoneHorizon: Duration
    /// How long an entry that a newer one has replaced is kept at least, for backups.
    package var history = RegionConfiguration.historyByDefault
    /// The engine of the log.
    package var storage: LogStorage = .sqlite
    /// Regions in all, the primary included.
    package var regionsMax = 6
    /// Identity sources whose instances may be replicated; the announcement's rule by default.
    package var replicableSources: Set<CoordinatorIdentitySource> = [.externalIdp]
    package var timings = CoordinatorTimings()
    /// Signs the checkpoints of the trail, and says who signed others'. Without them none are made
    /// and none believed.
    package var checkpointSigner: StatementSigner?
    package var checkpointVerifier: StatementVerifier?

    /// Throws: `PKIError` when the root certificates cannot be read: without them no checkpoint of
    /// another Region's trail could be believed.
    package init(_ configuration: RegionConfiguration) throws {
        region = configuration.region
        accountID = configuration.accountID
        organizationID = configuration.organizationID
        dataDirectory = configuration.dataDirectory(of: .coordinator)
        portalURL = configuration.portalURL
        coordinatorAddress = configuration.listen[.coordinator]?.description ?? ""
        peers = configuration.peers
        availableRegions = configuration.availableRegions
        tombstoneHorizon = configuration.tombstoneHorizon
        history = configuration.history
        storage = configuration.logStorage
        checkpointSigner = StatementSigner(.coordinator, configuration: configuration)
        checkpointVerifier = try StatementVerifier(
            roots: PKILayout(directory: configuration.pkiDirectory).root,
            trustDomain: configuration.trustDomain)
        timings.checkpoint = configuration.trailCheckpoint
    }

    package init(
        region: String, accountID: String, organizationID: String = "", dataDirectory: String,
        portalURL: String = "", coordinatorAddress: String = "", peers: [String: PeerRegion] = [:],
        availableRegions: [String] = RegionConfiguration.regionsEnabledByDefault,
        tombstoneHorizon: Duration = .seconds(90 * 86_400)
    ) {
        self.region = region
        self.accountID = accountID
        self.organizationID = organizationID
        self.dataDirectory = dataDirectory
        self.portalURL = portalURL
        self.coordinatorAddress = coordinatorAddress
        self.peers = peers
        self.availableRegions = availableRegions
        self.tombstoneHorizon = tombstoneHorizon
    }
}

/// Rhythms and bounds of the background work.
package struct CoordinatorTimings: Sendable {
    /// Between two canaries of a stream.
    package var canary = Duration.seconds(1)
    /// Between two acknowledgements, when there is something new.
    package var acknowledgement = Duration.milliseconds(100)
    /// A peer that says nothing for so long is taken for gone.
    package var peerSilenceMax = Duration.seconds(10)
    package var backOffMin = Duration.milliseconds(100)
    package var backOffMax = Duration.seconds(5)
    /// Between two exchanges of acknowledgements with the Region's other coordinators.
    package var sharing = Duration.seconds(1)
    /// A coordinator whose database has not answered for so long is not ready.
    package var storageSilenceMax = Duration.seconds(5)
    /// Between two looks at compaction and at acknowledgements to keep.
    package var maintenance = Duration.seconds(10)
    /// Between two comparisons of this Region's copies with their writers'.
    package var verification = Duration.seconds(60)
    /// Between two checkpoints of the trail, if it has moved; and between two looks at others'.
    package var checkpoint = Duration.seconds(300)
    package var witness = Duration.seconds(10)
    /// Between two readings of the whole log, and between two steps of one.
    package var scrub = Duration.seconds(3_600)
    package var scrubPause = Duration.milliseconds(50)
    /// Until a damaged entry that no Region could give back is asked for again.
    package var mendRetry = Duration.seconds(5)
    /// A workflow without progress for so long fails.
    package var workflowStallMax = Duration.seconds(120)
    /// Data keys must name a new KMS key within this time.
    package var encryptionUpdateMax = Duration.seconds(300)
    /// Between two exchanges of reigns with the other Regions.
    package var reignExchange = Duration.seconds(1)
    /// A Region that does not answer an exchange for so long counts as unreachable.
    package var reignAnswerMax = Duration.seconds(2)
    /// A planned promotion waits so long for the successor to come close,
    package var promotionCatchUpMax = Duration.seconds(10)
    /// holds writes back for so long until it has everything,
    package var promotionDrainMax = Duration.seconds(5)
    /// and waits so long for it to take over.
    package var promotionTakeOverMax = Duration.seconds(10)
    /// One call to another service or Region.
    package var call = Duration.seconds(5)

    package init() {}
}
