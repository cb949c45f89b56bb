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
        let protection = try SecureHeap.start(byteCount: configuration.secureHeapByteCount)
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
            authorizer: authorizer, callers: callers, meter: meter, trail: trail,
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
            operations: KeyOperations(ring: ring, authorizer: authorizer, meter: meter),
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

/// The checks before a keys service may work with what is on disk.
enum StartUp {
    static let checkProperty = "root-key-check"
    private static let placeProperty = "place"
    private static let checkContext = Array("portolan root key check/1".utf8)

    /// Opens the root key and makes sure that it is the one that the store was made with.
    static func rootKey(
        _ given: (any RootKey)?, _ configuration: KeyServiceConfiguration, _ store: KeyStore,
        _ contents: KeyStore.Contents
    ) throws -> any RootKey {
        try checkPlace(configuration, store)
        let check = try store.property(checkProperty)
        let rootKey =
            try given
            ?? SealedFileRootKey(
                path: "\(configuration.dataDirectory)/root.key",
                passphrase: configuration.rootKeyPassphrase,
                mayCreate: contents.keys.isEmpty && check == nil)
        guard let check else {
            let mark = try rootKey.wrap(Random.secret(32), context: checkContext)
            try store.setProperty(checkProperty, mark)
            return rootKey
        }
        do {
            _ = try rootKey.unwrap(check, context: checkContext)
            return rootKey
        } catch {
            throw RootKeyError(
                code: .mismatch,
                message: "the keys in \(configuration.dataDirectory) are under another root key")
        }
    }

    /// A data directory belongs to one Region and account for good.
    private static func checkPlace(
        _ configuration: KeyServiceConfiguration, _ store: KeyStore
    ) throws {
        let place = Array("\(configuration.region)/\(configuration.accountID)".utf8)
        guard let stored = try store.property(placeProperty) else {
            try store.setProperty(placeProperty, place)
            return
        }
        guard stored == place else {
            throw KeyStoreError(
                message: "\(configuration.dataDirectory) belongs to "
                    + "\(String(decoding: stored, as: UTF8.self)), not to this Region and account")
        }
    }
}
