import Contracts
import Foundation
import Logging
import RPC
import ReplicationLog
import ServiceKit
import Synchronization

/// What all parts of one Region's coordinator share: the log, what is known in memory, the way to
/// others, the clock.
final class Coordinator: Sendable {
    let settings: CoordinatorSettings
    let engine: any LogEngine
    let hub = CommitHub()
    let instanceBook: InstanceBook
    let dataKeys: DataKeyBook
    let acknowledgements: AcknowledgementBook
    let subscriptions = SubscriptionBook()
    let peers = PeerBook()
    let writeHold = WriteHold()
    let damage = DamageBook()
    let promotionGate = PromotionGate()
    let trail: TrailWriter
    let witnessed = WitnessBook()
    let channels: any ServiceChannels
    let logger: Logger
    /// Wall clock, microseconds since 1970.
    let now: @Sendable () -> Int64

    init(
        settings: CoordinatorSettings, engine: any LogEngine, channels: any ServiceChannels,
        logger: Logger, now: @escaping @Sendable () -> Int64
    ) async throws {
        self.settings = settings
        self.engine = engine
        self.channels = channels
        self.logger = logger
        self.now = now
        trail = TrailWriter(
            engine: engine, region: settings.region, accountID: settings.accountID, now: now)
        instanceBook = InstanceBook(engine)
        dataKeys = DataKeyBook()
        acknowledgements = AcknowledgementBook(
            try await engine.acknowledged(), isShared: engine.isShared, at: now())
        let (hub, instanceBook, dataKeys) = (hub, instanceBook, dataKeys)
        engine.setCommitObserver { entries, state in
            instanceBook.apply(entries, state)
            dataKeys.apply(entries, state)
            hub.publish(entries, state)
        }
        // Only now: another coordinator of the Region may write at any time.
        try await dataKeys.reload(engine)
        try await instanceBook.reload(engine)
        // Others may know of a later primary: asked before anything is written.
        if engine.state.identity?.isPrimary ?? false, instanceBook.state.regions.count > 1 {
            writeHold.hold(.start)
        }
    }

    var region: String { settings.region }

    var instance: InstanceState { instanceBook.state }

    /// The epoch of the log held here; nil without one.
    var epoch: UInt64? { engine.state.identity?.epoch }

    var isPrimary: Bool { engine.state.identity?.isPrimary ?? false }

    /// Whether a Region is part of the instance. The primary is, also before its record has come.
    func isMember(_ other: String) -> Bool {
        instance.regions[other] != nil || engine.state.identity?.primaryRegion == other
    }

    /// From memory when the newest entries hold it, else from disk.
    func read(_ query: ReadQuery) async throws -> ReadResult {
        if let recent = hub.read(query) { return recent }
        return try await mending { try await engine.read(query) }
    }

    /// From disk, as it travels.
    func readEncoded(_ query: ReadQuery) async throws -> EncodedRead {
        try await mending { try await engine.readEncoded(query) }
    }

    /// Waits until this Region has applied the position. The call's deadline bounds it.
    ///
    /// Throws: FAILED_PRECONDITION POSITION_LOST when it is not part of the log.
    func wait(for position: LogPosition) async throws {
        guard position.sequence > 0 else { return }
        guard let stream = StreamName(position.stream) else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_POSITION",
                message: "The position names no stream.")
        }
        while true {
            let version = hub.version
            if stream == .control, let history = engine.state.identity?.history,
                position.epoch < history.current.epoch,
                !history.contains(epoch: position.epoch, sequence: position.sequence)
            {
                throw RPCError(
                    .failedPrecondition, reason: "POSITION_LOST",
                    message: "What was written at \(position.sequence) of epoch \(position.epoch) "
                        + "had not been replicated when another Region became the primary.")
            }
            if engine.state.position(of: stream).sequence >= position.sequence { return }
            try await hub.wait(past: version)
        }
    }

    func keyManagement(in region: String) throws -> KeysKeyManagementClient {
        KeysKeyManagementClient(try channels.channel(to: .keys, in: region))
    }

    func cryptography() throws -> KeysCryptographyClient {
        KeysCryptographyClient(try channels.channel(to: .keys, in: region))
    }

    func replication(in region: String) throws -> CoordinatorReplicationClient {
        CoordinatorReplicationClient(try channels.channel(to: .coordinator, in: region))
    }

    /// How a Region's coordinator and portal are reached, for refusals that name the primary.
    func whereabouts(of region: String) -> [String: String] {
        let record = instance.regions[region]
        let peer = settings.peers[region]
        var facts = ["primary-region": region]
        let address = peer?.addresses[.coordinator]?.description ?? record?.coordinatorAddress
        if let address, !address.isEmpty { facts["primary-address"] = address }
        let portal = [record?.portalURL, peer?.portalURL].compactMap { $0 }.first { !$0.isEmpty }
        if let portal { facts["primary-portal-url"] = portal }
        return facts
    }

    /// The error as it goes out, with the primary's whereabouts where that helps.
    func outgoing(_ error: any Error) -> any Error {
        guard let error = error as? LogError else { return error }
        if error.code == .notPrimary, let primary = error.primaryRegion {
            return RPCError(error, metadata: whereabouts(of: primary))
        }
        if error.code == .storageFailed {
            logger.error("the log's storage failed", metadata: ["error": "\(error)"])
        }
        return RPCError(error)
    }

    /// Runs a handler's body so that refusals of the log leave as they are specified.
    func answering<R>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch {
            throw outgoing(error)
        }
    }
}
