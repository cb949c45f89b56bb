import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// Whom to connect to, and how.
struct ClientTarget: Sendable {
    let address: RPCAddress
    let expected: PeerIdentity
    let tls: TLSIdentityStore
    let eventLoop: any EventLoop
    let configuration: ClientConfiguration
    let logger: Logger

    /// Makes a connection.
    ///
    /// Fails with `RPCError`.
    func connect(onUnusable: @escaping @Sendable () -> Void) -> EventLoopFuture<ClientLink> {
        let peerName = "\(expected) at \(address)"
        let opened = eventLoop.makePromise(of: Void.self)
        let timeout = TimeAmount(configuration.connectTimeout)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try addHandlers(channel, peerName, opened, onUnusable)
                }
            }
        let connected = bootstrap.connect(host: address.host, port: address.port)
        connected.whenFailure { error in
            opened.fail(
                RPCError(
                    .unavailable, reason: "CANNOT_CONNECT",
                    message: "Cannot connect to \(peerName); is it running? "
                        + "\(String(describing: error).limited(toBytes: 200))", cause: error))
        }
        return opened.futureResult.flatMap { connected }.flatMapThrowing { channel in
            let connection = try channel.pipeline.syncOperations.handler(
                type: ClientConnection.self)
            return ClientLink(connection, channel, limits: configuration.limits)
        }
    }

    private func addHandlers(
        _ channel: any Channel, _ peerName: String, _ opened: EventLoopPromise<Void>,
        _ onUnusable: @escaping @Sendable () -> Void
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(
            try NIOSSLClientHandler(context: tls.clientContext, serverHostname: nil))
        let configuration = configuration
        try pipeline.addHandler(
            ClientHandshake(
                expected: expected, trustDomain: tls.trustDomain, peerName: peerName,
                verified: opened
            ) {
                ClientConnection(
                    configuration: configuration, peerName: peerName, opened: opened,
                    onUnusable: onUnusable)
            })
        let timer = channel.eventLoop.scheduleTask(in: TimeAmount(configuration.connectTimeout)) {
            opened.fail(
                RPCError(
                    .unavailable, reason: "CANNOT_CONNECT",
                    message: "\(peerName) accepted the connection but did not answer in time."))
            channel.close(promise: nil)
        }
        opened.futureResult.whenComplete { _ in timer.cancel() }
    }
}
