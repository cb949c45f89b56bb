import Contracts
import Foundation
import Logging
import NIOCore
import NIOPosix
import RPC
import ServiceLifecycle
import Testing

@testable import ServiceKit

@Suite("Service host")
struct ServiceHostTests {
    /// Certificates of one Region and an operator, and a configuration that uses them.
    private struct Installation {
        let directory: String
        let pki: PKI

        init() throws {
            directory = NSTemporaryDirectory() + "portolan-host-\(UUID().uuidString)"
            pki = PKI(directory: directory)
            try pki.makeRoot(trustDomain: "portolan.test")
            try pki.makeRegion("eu-central-1", hosts: ["localhost"])
            try pki.makeOperator("alice")
        }

        func configuration(port: Int = 0, metricsPort: Int? = nil) -> RegionConfiguration {
            RegionConfiguration(
                region: "eu-central-1", trustDomain: "portolan.test", accountID: "111122223333",
                organizationID: "", dataDirectory: directory, pkiDirectory: directory,
                listen: [.portal: ServiceAddress(host: "127.0.0.1", port: port)],
                metricsListen: metricsPort.map { ServiceAddress(host: "127.0.0.1", port: $0) },
                operatorRoles: ["alice": ["administrator"]])
        }

        func tls() throws -> TLSIdentityStore {
            try TLSIdentityStore(try ServiceIdentity.load(.portal, configuration: configuration()))
        }

        func host(_ module: any ServiceModule, port: Int) throws -> ServiceHost {
            ServiceHost(
                configuration: configuration(port: port), module: module, tls: try tls(),
                group: MultiThreadedEventLoopGroup.singleton, drain: .milliseconds(200),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        func channels(port: Int) throws -> CachedChannels {
            let identity = try ServiceIdentity.loadOperator(
                pki.layout.operatorIdentity("alice"), roots: pki.layout.root,
                trustDomain: "portolan.test")
            return CachedChannels(
                tls: try TLSIdentityStore(identity), group: MultiThreadedEventLoopGroup.singleton,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ) { _, _ in [ServiceAddress(host: "127.0.0.1", port: port)] }
        }

        func remove() { try? FileManager.default.removeItem(atPath: directory) }
    }

    /// A service whose methods all answer UNIMPLEMENTED.
    private struct Module: ServiceModule {
        let name = ServiceName.portal
        let readiness: Readiness
        let methods: MethodTable
        /// Stands for files that the service has open.
        let held: Held

        final class Held: Sendable {}

        init(
            _ readiness: Readiness = .ready, complete: Bool = true, holding held: Held = Held()
        ) {
            self.readiness = readiness
            self.held = held
            var methods = MethodTable()
            let all =
                PortalSessionsMethods.all + PortalOperatorCredentialsMethods.all
                + PortalCredentialsMethods.all + PortalBreakGlassMethods.all
                + PortalScimTokensMethods.all
            for method in complete ? all : Array(all.dropLast()) {
                methods.register(
                    method,
                    .unary { [held] _, _ in
                        _ = held
                        throw RPCError(.unimplemented, reason: "TEST", message: "A test's method.")
                    })
            }
            self.methods = methods
        }

        func run() async throws { try await Task.sleep(for: .seconds(60)) }
    }

    /// A listener on a port the system chose; the port is taken until it is closed.
    private func takenPort() async throws -> (any Channel, Int) {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        return (channel, try #require(channel.localAddress?.port))
    }

    @Test("a service whose methods and authorisation table differ does not start")
    func differences() async throws {
        let installation = try Installation()
        defer { installation.remove() }
        let host = try installation.host(Module(complete: false), port: 0)
        let error = await #expect(throws: StartError.self) { try await host.run() }
        #expect(error?.message.contains("DeleteScimToken") == true)
    }

    @Test("a taken port is named with the key to change")
    func takenPortIsNamed() async throws {
        let installation = try Installation()
        defer { installation.remove() }
        let (channel, port) = try await takenPort()
        let host = try installation.host(Module(), port: port)
        let error = await #expect(throws: StartError.self) { try await host.run() }
        #expect(error?.message.contains("\(port)") == true)
        #expect(error?.remedy.contains("listen.portal") == true)
        try await channel.close().get()
    }

    @Test("a certificate of another service or in no trust root's file is refused")
    func wrongIdentity() throws {
        let installation = try Installation()
        defer { installation.remove() }
        let layout = installation.pki.layout
        for (files, roots) in [
            (layout.service(.keys, region: "eu-central-1"), layout.root),
            (layout.service(.portal, region: "eu-central-1"), layout.root + ".missing"),
            (layout.https(region: "eu-central-1"), layout.root),
        ] {
            #expect(throws: PKIError.self) {
                try ServiceIdentity.load(
                    files, roots: roots, expected: .service(name: "portal", region: "eu-central-1"),
                    trustDomain: "portolan.test")
            }
        }
    }

    @Test("a certificate that has ended is refused with what to do")
    func expired() throws {
        let installation = try Installation()
        defer { installation.remove() }
        let error = #expect(throws: PKIError.self) {
            try ServiceIdentity.load(
                .portal, configuration: installation.configuration(),
                now: Date().addingTimeInterval(400 * 86_400))
        }
        #expect(error?.message.contains("ended on") == true)
    }

    @Test("health tells up from ready and why not, and a graceful stop ends the service")
    func health() async throws {
        let installation = try Installation()
        defer { installation.remove() }
        let (channel, port) = try await takenPort()
        try await channel.close().get()
        let host = try installation.host(Module(.notReady("loading")), port: port)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: host)], logger: Logger(label: "test")))
        let channels = try installation.channels(port: port)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let client = HealthClient(
                try channels.channel(to: .portal, in: "eu-central-1"))
            let process = try await eventually { try await client.check("") }
            #expect(process.status == .serving)
            let service = try await client.check("portal")
            #expect(service.status == .notServing)
            #expect(service.reason == "loading")
            let unknown = await #expect(throws: RPCError.self) { try await client.check("butler") }
            #expect(unknown?.code == .notFound)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        await channels.close()
    }

    @Test(
        "what a service holds is let go of when its host has ended, so that it can be opened anew")
    func letGo() async throws {
        let installation = try Installation()
        defer { installation.remove() }
        weak var held: Module.Held?
        try await {
            let fresh = Module.Held()
            held = fresh
            let host = try installation.host(Module(holding: fresh), port: 0)
            let running = Task { try await host.run() }
            try await Task.sleep(for: .milliseconds(200))
            running.cancel()
            _ = await running.result
        }()
        for _ in 0..<100 where held != nil { try await Task.sleep(for: .milliseconds(20)) }
        #expect(held == nil)
    }

    /// Repeats until it succeeds, for at most ten seconds.
    private func eventually<Value>(_ body: () async throws -> Value) async throws -> Value {
        let deadline = Deadline.after(.seconds(10))
        while true {
            do { return try await body() } catch {
                guard !deadline.hasPassed else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
