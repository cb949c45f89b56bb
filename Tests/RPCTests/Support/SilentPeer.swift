import NIOCore
import NIOPosix
import NIOSSL

@testable import RPC

/// A peer of HTTP/2 that begins as it has to, takes what comes and answers none of it, pings included.
enum SilentPeer {
    private final class Listener: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private var heard: EventLoopPromise<Void>?

        init(_ heard: EventLoopPromise<Void>) { self.heard = heard }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { tell(nil) }

        func channelInactive(context: ChannelHandlerContext) { tell(ChannelError.eof) }

        private func tell(_ error: (any Error)?) {
            error.map { heard?.fail($0) } ?? heard?.succeed()
            heard = nil
        }
    }

    /// Returns once the server has said something.
    static func connect(_ address: RPCAddress, identity: TLSIdentity) async throws -> any Channel {
        let context = try NIOSSLContext(configuration: HTTP2Channel.tls(identity))
        let heard = TestServer.group.any().makePromise(of: Void.self)
        let channel = try await ClientBootstrap(group: TestServer.group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: nil))
                    try pipeline.addHandler(Listener(heard))
                }
            }
            .connect(host: address.host, port: address.port).get()
        var bytes = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        // An empty SETTINGS frame.
        bytes.writeBytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
        try await channel.writeAndFlush(bytes)
        try await heard.futureResult.get()
        return channel
    }
}
