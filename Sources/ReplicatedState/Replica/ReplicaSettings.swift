package import Contracts
import RPC
package import ServiceKit

/// What a replica is made for.
package struct ReplicaSettings: Sendable {
    package let region: String
    /// One to two domains, at most one per scope.
    package let domains: [DomainBinding]
    package let context: EncryptionContext
    /// How long an opened data key is held without asking again.
    package let dataKeyHold: Duration
    /// Between two attempts to use a refused key.
    package let keyRetryDelay: Duration
    /// How long a data key stays in the log after the last record that it sealed.
    package let unusedDataKeyKeep: Duration
    /// Where the state's snapshot is kept; nil for a state that keeps none.
    package let snapshotFile: String?
    package let snapshotPace: SnapshotPace
    package let comparisonPace: ComparisonPace

    package init(
        region: String, domains: [DomainBinding], context: EncryptionContext,
        dataKeyHold: Duration, keyRetryDelay: Duration = .seconds(1),
        unusedDataKeyKeep: Duration = .seconds(86_400), snapshotFile: String? = nil,
        snapshotPace: SnapshotPace = .standard, comparisonPace: ComparisonPace = .standard
    ) {
        precondition(Set(domains.map(\.scope)).count == domains.count, "one domain per scope")
        self.region = region
        self.domains = domains
        self.context = context
        self.dataKeyHold = dataKeyHold
        self.keyRetryDelay = keyRetryDelay
        self.unusedDataKeyKeep = unusedDataKeyKeep
        self.snapshotFile = snapshotFile
        self.snapshotPace = snapshotPace
        self.comparisonPace = comparisonPace
    }
}

/// The services of the own Region that a replica works with.
package struct ReplicaClients: Sendable {
    package let log: CoordinatorLogClient
    package let instance: CoordinatorInstanceAdministrationClient
    package let cryptography: KeysCryptographyClient

    package init(
        log: CoordinatorLogClient, instance: CoordinatorInstanceAdministrationClient,
        cryptography: KeysCryptographyClient
    ) {
        self.log = log
        self.instance = instance
        self.cryptography = cryptography
    }

    package init(_ channels: any ServiceChannels, region: String) {
        let coordinator = LocalChannel(channels, to: .coordinator, in: region)
        self.init(
            log: CoordinatorLogClient(coordinator),
            instance: CoordinatorInstanceAdministrationClient(coordinator),
            cryptography: KeysCryptographyClient(LocalChannel(channels, to: .keys, in: region)))
    }
}
