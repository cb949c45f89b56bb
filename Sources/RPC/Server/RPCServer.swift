package import Logging
package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Serves a table of methods on one TLS port.
///
/// Life: made, started once, shut down once. TLS 1.3 with a client certificate; who the peer is
/// comes from the certificate alone.
package final class RPCServer: Sendable {
    private let core: ServerCore
    private let tls: TLSIdentityStore
    private let differences: [String]
    private let listener = Mutex<(any Channel)?>(nil)

    /// Without an authorisation table every peer with a certificate may call everything (tests).
    package init(
        methods: MethodTable, authorization: AuthorizationTable?, tls: TLSIdentityStore,
        limits: ServerLimits = .standard, logger: Logger = Logger(label: "rpc.server")
    ) {
        self.differences = authorization?.differences(from: methods) ?? []
        self.core = ServerCore(
            methods: methods, authorization: authorization, limits: limits, logger: logger)
        self.tls = tls
    }

    /// Listens. Port 0 lets the system choose; the answer has the real one.
    ///
    /// Throws: FAILED_PRECONDITION AUTHORIZATION_TABLE when it does not match the methods,
    /// UNAVAILABLE CANNOT_LISTEN.
    package func start(
        group: any EventLoopGroup, address: RPCAddress
    ) async throws -> RPCAddress {
        guard differences.isEmpty else {
            throw RPCError(
                .failedPrecondition, reason: "AUTHORIZATION_TABLE",
                message: "The authorisation table does not fit the methods: "
                    + differences.joined(separator: "; ") + ".")
        }
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(
                .writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20)
            )
            .childChannelInitializer { [core, tls] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard core.admit(channel) else { throw ChannelError.ioOnClosedChannel }
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLServerHandler(context: tls.serverContext))
                    try pipeline.addHandler(
                        ServerHandshake(core: core, trustDomain: tls.trustDomain))
                }
            }
        do {
            let channel = try await bootstrap.bind(host: address.host, port: address.port).get()
            listener.withLock { $0 = channel }
            return RPCAddress(
                host: address.host, port: channel.localAddress?.port ?? address.port)
        } catch {
            throw RPCError(
                .unavailable, reason: "CANNOT_LISTEN",
                message: "Cannot listen on \(address). Is the port taken? Choose another in the "
                    + "configuration.", cause: error)
        }
    }

    /// Stops listening, lets calls under way finish, and ends those that have not after `drain`.
    package func shutDown(drain: Duration = .seconds(10)) async {
        let channel = listener.withLock { $0.take() }
        try? await channel?.close().get()
        let channels = core.drain()
        await Self.wait(for: channels, at: .after(drain))
        core.stop()
        await Self.wait(for: channels, at: .after(.seconds(2)))
        for channel in channels { channel.close(promise: nil) }
    }

    /// What has been counted since the start.
    package func metrics() async -> RPCMetrics { await core.metrics() }

    private static func wait(for channels: [any Channel], at deadline: Deadline) async {
        try? await Race<Void>().run(until: deadline, late: .channelClosed) {
            for channel in channels { try? await channel.closeFuture.get() }
        }
    }
}
