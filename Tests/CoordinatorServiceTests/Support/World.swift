import Contracts
import CoordinatorService
import Foundation
import Logging
import NIOCore
import RPC
import ReplicationLog
import ServiceKit
import Synchronization

/// Several Regions' coordinators in one process, over the in-process transport, with fake keys.
///
/// A Region can be stopped and started again on the same files, or cut off.
final class World: Sendable {
    struct Node {
        var module: CoordinatorModule
        var work: Task<Void, any Error>
        var transports: [InProcessTransport] = []
    }

    struct Held {
        var nodes: [String: Node] = [:]
        var unreachable: Set<String> = []
    }

    static let primary = "eu-central-1"
    static let second = "eu-west-1"
    static let third = "us-east-1"

    let keys = FakeKeys()
    let directory: URL
    private let names: [String]
    private let held = Mutex(Held())
    private let adjust: @Sendable (inout CoordinatorSettings) -> Void

    init(
        _ names: [String] = [World.primary, World.second],
        adjust: @escaping @Sendable (inout CoordinatorSettings) -> Void = { _ in }
    ) async throws {
        self.names = names
        self.adjust = adjust
        directory = FileManager.default.temporaryDirectory
            .appending(path: "portolan-world-\(UUID().uuidString)")
        for name in names { try await start(name) }
    }

    /// Stops everything and removes the files. The last thing in a test.
    func end(keepingFiles: Bool = false) async {
        for name in names { await stop(name) }
        if !keepingFiles { remove() }
    }

    func remove() { try? FileManager.default.removeItem(at: directory) }

    /// - Parameter follows: another coordinator of the Region leads.
    func start(_ region: String, follows: Bool = false) async throws {
        var settings = CoordinatorSettings(
            region: region, accountID: FakeKeys.account,
            dataDirectory: directory.appending(path: region).path,
            portalURL: "https://\(region).portal", coordinatorAddress: "\(region):7104",
            peers: Dictionary(
                uniqueKeysWithValues: names.filter { $0 != region }.map { name in
                    (
                        name,
                        PeerRegion(
                            name: name,
                            addresses: [.coordinator: ServiceAddress(host: name, port: 7_104)],
                            portalURL: "https://\(name).portal")
                    )
                }))
        settings.timings.canary = .milliseconds(100)
        settings.timings.acknowledgement = .milliseconds(10)
        settings.timings.backOffMin = .milliseconds(10)
        settings.timings.backOffMax = .milliseconds(200)
        settings.timings.maintenance = .milliseconds(200)
        settings.history = .zero
        settings.timings.workflowStallMax = .seconds(5)
        settings.timings.call = .seconds(2)
        settings.timings.reignExchange = .milliseconds(100)
        settings.timings.reignAnswerMax = .milliseconds(500)
        adjust(&settings)
        let engine = try LogStore(settings).open()
        let module = try await CoordinatorModule(
            settings: settings, engine: follows ? FollowingEngine(base: engine) : engine,
            channels: ClosureChannels { [weak self] service, target in
                RoutedChannel(world: self, service: service, target: target, caller: region)
            }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let work = Task { try await module.run() }
        held.withLock { $0.nodes[region] = Node(module: module, work: work) }
    }

    /// As a process that ends: calls under way are cut off, background work stops.
    func stop(_ region: String) async {
        guard let node = held.withLock({ $0.nodes.removeValue(forKey: region) }) else { return }
        node.work.cancel()
        for transport in node.transports { await transport.close() }
        _ = await node.work.result
        await node.module.close()
    }

    /// Calls between this Region and others fail until it is connected again.
    func cut(_ region: String, _ isCut: Bool = true) async {
        let transports = held.withLock { held in
            if isCut { held.unreachable.insert(region) } else { held.unreachable.remove(region) }
            return held.nodes.values.flatMap(\.transports)
        }
        if isCut { for transport in transports { await transport.close() } }
    }

    /// The way to a Region's coordinator for a caller.
    func transport(to region: String, as peer: PeerIdentity) throws -> InProcessTransport {
        try held.withLock { held in
            guard var node = held.nodes[region], !isCutOff(peer, region, held.unreachable) else {
                throw RPCError(.unavailable, reason: "UNREACHABLE", message: "\(region) is away.")
            }
            let transport = InProcessTransport(methods: node.module.methods, peer: peer)
            node.transports.append(transport)
            held.nodes[region] = node
            return transport
        }
    }

    private func isCutOff(
        _ peer: PeerIdentity, _ target: String, _ unreachable: Set<String>
    ) -> Bool {
        guard case .service(_, let source) = peer, source != target else { return false }
        return unreachable.contains(source) || unreachable.contains(target)
    }

    // MARK: - Clients

    func administration(
        _ region: String = World.primary
    ) throws -> CoordinatorInstanceAdministrationClient {
        CoordinatorInstanceAdministrationClient(
            try transport(to: region, as: .operator(name: "alice")))
    }

    func log(_ region: String = World.primary, as service: String) throws -> CoordinatorLogClient {
        CoordinatorLogClient(
            try transport(to: region, as: .service(name: service, region: region)))
    }

    func trail(_ region: String = World.primary) throws -> TrailClient {
        TrailClient(try transport(to: region, as: .service(name: "portal", region: region)))
    }

    func replication(
        _ region: String, from sender: String
    ) throws -> CoordinatorReplicationClient {
        CoordinatorReplicationClient(
            try transport(to: region, as: .service(name: "coordinator", region: sender)))
    }
}

/// Finds the node anew for each call, as connections do after a restart.
private struct RoutedChannel: CallChannel {
    weak let world: World?
    let service: ServiceName
    let target: String
    let caller: String

    private func transport() throws -> InProcessTransport {
        guard let world else {
            throw RPCError(.unavailable, reason: "UNREACHABLE", message: "The test is over.")
        }
        let peer = PeerIdentity.service(name: "coordinator", region: caller)
        guard service == .keys else { return try world.transport(to: target, as: peer) }
        return InProcessTransport(methods: world.keys.methods(in: target), peer: peer)
    }

    func unary(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> ByteBuffer {
        try await transport().unary(method, request: request, options: options)
    }

    func serverStreaming(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> PayloadStream {
        try await transport().serverStreaming(method, request: request, options: options)
    }

    func close() async {}
}
