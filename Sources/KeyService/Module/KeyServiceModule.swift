import Contracts
import Cryptography
import Foundation
package import Logging
package import RPC
package import ServiceKit

/// The keys service of one Region: KMS keys, their policies, and what is done with them.
package struct KeyServiceModule: ServiceModule {
    /// How often figures are written and due work is done.
    private static let maintenanceInterval = Duration.seconds(5)

    package let name = ServiceName.keys
    package let methods: MethodTable
    let administration: KeyAdministration
    let maintenance: KeyMaintenance
    private let logger: Logger

    /// Opens the store and the root key; nothing listens yet.
    ///
    /// - Parameters:
    ///   - peers: channel to the keys service of another Region; throws when there is no address.
    ///   - rootKey: nil for `root.key` in the data directory, which is made on the first start.
    ///   - now: microseconds since 1970.
    /// - Throws: `KeyStoreError`, `RootKeyError`, `CryptographyError`, `PolicyError`, `RPCError`.
    package init(
        configuration: KeyServiceConfiguration, trail: any TrailRecorder,
        peers: @escaping @Sendable (_ region: String) throws -> any CallChannel,
        rootKey: (any RootKey)? = nil, logger: Logger,
        now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1_000_000) }
    ) throws {
        self.logger = logger
        let custody = configuration.custody
        if custody.fips { try FIPSProvider.use() }
        let rules = AlgorithmRules(isFIPS: custody.fips)
        let protection = try SecureHeap.start(byteCount: custody.secureHeapByteCount)
        if protection == .unlocked {
            logger.warning("key material may reach swap; raise RLIMIT_MEMLOCK (ulimit -l)")
        }
        let store = try KeyStore(directory: configuration.dataDirectory)
        let contents = try store.contents()
        let opened = try StartUp.rootKey(rootKey, configuration, store, contents)
        let ring = try KeyRing(contents, configuration: configuration, rootKey: opened)
        let meter = UsageMeter(store: store, now: now)
        let authorizer = KeyAuthorizer(configuration: configuration, now: now)
        let callers = try CallerDirectory(configuration)
        administration = KeyAdministration(
            configuration: configuration, store: store, ring: ring, rootKey: opened,
            authorizer: authorizer, callers: callers, meter: meter, trail: trail, rules: rules,
            gate: SerialGate(), logger: logger, now: now)
        let sender = KeySender(configuration: configuration, peers: peers)
        let synchronizer = ReplicaSynchronizer(
            administration: administration, sender: sender, departures: contents.departures)
        let mover = PrimaryMover(
            administration: administration, synchronizer: synchronizer, sender: sender)
        maintenance = KeyMaintenance(
            administration: administration, synchronizer: synchronizer, mover: mover,
            logger: logger)
        var methods = MethodTable()
        KeyManagementHandler(
            administration: administration,
            replicator: KeyReplicator(
                administration: administration, synchronizer: synchronizer, sender: sender),
            mover: mover
        ).register(in: &methods)
        let cryptography = CryptographyHandler(
            operations: KeyOperations(
                ring: ring, authorizer: authorizer, meter: meter, rules: rules),
            callers: callers)
        cryptography.register(in: &methods)
        cryptography.registerImmediate(in: &methods)
        KeyTransferHandler(
            administration: administration, offers: TransferOffers(now: now),
            synchronizer: synchronizer
        ).register(in: &methods)
        self.methods = methods
    }

    /// Writes figures, deletes keys that are due and tells related keys, until cancelled.
    package func run() async throws {
        if !SecureHeap.disableCoreDumps() {
            logger.warning("core dumps of this process could not be switched off")
        }
        await withTaskGroup(of: Void.self) { group in
            let serviceKey = RegionServiceKey(administration: administration, logger: logger)
            // Ends early only when cancelled.
            group.addTask { try? await serviceKey.ensure() }
            while !Task.isCancelled {
                await maintenance.runOnce()
                try? await Task.sleep(for: Self.maintenanceInterval)
            }
            group.cancelAll()
        }
        try administration.meter.flush()
    }

    package var figures: [ServiceFigure] {
        get async {
            administration.meter.figures(region: administration.configuration.region)
        }
    }

    package var readiness: Readiness {
        get async {
            do {
                _ = try administration.store.property(StartUp.checkProperty)
                return .ready
            } catch {
                return .notReady("the database cannot be read")
            }
        }
    }
}
