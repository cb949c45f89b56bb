import ArgumentParser
import Contracts
import Foundation
import Logging
import NIOCore
import NIOPosix
import RPC
import ServiceKit
import Synchronization
import Testing

@testable import portolan

/// Keys, coordinator, directory and permission service of two Regions in one process, over TLS on
/// loopback, with certificates of their own. Each takes all others for a later version.
final class TwoRegions: Sendable {
    static let regions = ["eu-central-1", "eu-west-1"]
    private static let services: [ServiceName] = [.keys, .coordinator, .directory, .permission]

    private struct Running {
        let region: String
        let service: ServiceName
        let work: Task<Void, any Error>
        let channels: CachedChannels
    }

    let directory = FileManager.default.temporaryDirectory.appending(
        path: "portolan-upgrade-\(UUID().uuidString)")
    let witness = LaterChannel.Witness()
    private let running = Mutex<[Running]>([])

    init() async throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let pki = PKI(directory: path("pki"))
        try pki.makeRoot(trustDomain: "portolan.test")
        for region in Self.regions { try pki.makeRegion(region, hosts: ["127.0.0.1"]) }
        try pki.makeOperator("alice")
        let ports = try await Self.freePorts(Self.regions.count * Self.services.count)
        for (index, region) in Self.regions.enumerated() {
            try configure(region, ports, index)
        }
        try await command(
            "context create --config \(configuration(Self.regions[0])) --operator alice --output "
                + path("context.json"))
    }

    func remove() { try? FileManager.default.removeItem(at: directory) }

    func path(_ name: String) -> String { directory.appending(path: name).path }

    func configuration(_ region: String) -> String { path(region + ".json") }

    private func configure(_ region: String, _ ports: [Int], _ index: Int) throws {
        func listen(_ index: Int) -> [String: String] {
            Dictionary(
                uniqueKeysWithValues: Self.services.enumerated().map { number, name in
                    (name.rawValue, "127.0.0.1:\(ports[index * Self.services.count + number])")
                })
        }
        let other = Self.regions[1 - index]
        var peer: [String: Any] = listen(1 - index)
        peer["portalURL"] = "https://\(other).portal"
        let values: [String: Any] = [
            "region": region, "trustDomain": "portolan.test", "accountID": "111122223333",
            "organizationID": "o-upgradetest", "dataDirectory": path(region),
            "pki": ["directory": path("pki")], "listen": listen(index),
            "portalURL": "https://\(region).portal",
            "peers": ["names": [other], other: peer],
            "operators": ["names": ["alice"], "alice": ["roles": ["administrator"]]],
        ]
        try JSONSerialization.data(withJSONObject: values)
            .write(to: URL(fileURLWithPath: configuration(region)))
    }

    private static func freePorts(_ count: Int) async throws -> [Int] {
        var channels: [any Channel] = []
        for _ in 0..<count {
            channels.append(
                try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .bind(host: "127.0.0.1", port: 0).get())
        }
        let ports = channels.compactMap { $0.localAddress?.port }
        for channel in channels { try await channel.close().get() }
        return ports
    }

    // MARK: - Running

    /// Starts those services of a Region that do not run.
    func start(_ region: String) async throws {
        let configuration = try await ConfigurationFile.load(configuration(region))
        let present = running.withLock { $0.filter { $0.region == region }.map(\.service) }
        for name in Self.services where !present.contains(name) {
            try DataDirectory.prepare(configuration, name)
            let tls = try TLSIdentityStore(
                try ServiceIdentity.load(name, configuration: configuration))
            let channels = CachedChannels(
                tls: tls, group: MultiThreadedEventLoopGroup.singleton, logger: .silent
            ) { configuration.addresses(of: $0, in: $1) }
            let module = try await ServiceModules.make(
                name, configuration: configuration, channels: later(channels), logger: .silent)
            let host = ServiceHost(
                configuration: configuration, module: module, tls: tls,
                group: MultiThreadedEventLoopGroup.singleton, drain: .milliseconds(200),
                logger: .silent)
            let started = Running(
                region: region, service: name, work: Task { try await host.run() },
                channels: channels)
            running.withLock { $0.append(started) }
        }
    }

    /// Stops a Region; its keys service may go on.
    func stop(_ region: String, withKeys: Bool = true) async {
        let ended = running.withLock { running in
            let ends = { (one: Running) in
                one.region == region && (withKeys || one.service != .keys)
            }
            defer { running.removeAll(where: ends) }
            return running.filter(ends)
        }
        for one in ended { one.work.cancel() }
        for one in ended { _ = await one.work.result }
        for one in ended { await one.channels.close() }
    }

    private func later(_ channels: any ServiceChannels) -> ClosureChannels {
        ClosureChannels { [witness] in
            LaterChannel(base: try channels.channel(to: $0, in: $1), witness: witness)
        }
    }

    // MARK: - Asking

    /// Runs a command line in this process.
    func command(_ line: String) async throws {
        let words = line.split(separator: " ").map(String.init)
        let parsed = try Portolan.parseAsRoot(words)
        var command = try #require(parsed as? any AsyncParsableCommand)
        try await command.run()
    }

    /// The same as the operator alice.
    func ask(_ line: String) async throws {
        try await command("\(line) --context \(path("context.json"))")
    }

    /// An operator's own calls; `isLater` makes a later version of its program.
    func session<Result: Sendable>(
        _ region: String = TwoRegions.regions[0], isLater: Bool = false,
        _ body: (RegionSession) async throws -> Result
    ) async throws -> Result {
        let context = try OperatorContext.load(path("context.json"))
        let channels = try OperatorChannels(context)
        let session = RegionSession(
            context: context, region: region,
            channels: isLater ? later(channels) : channels,
            options: CallOptions(timeout: .seconds(20)))
        do {
            let result = try await body(session)
            await channels.close()
            return result
        } catch {
            await channels.close()
            throw error
        }
    }
}

/// Waits until something is done without an error.
func eventually<Result>(
    within limit: Duration = .seconds(40), _ body: () async throws -> Result
) async throws -> Result {
    let end = ContinuousClock.now + limit
    while true {
        do {
            return try await body()
        } catch  where ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
