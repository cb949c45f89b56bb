import NIOCore
import NIOPosix
import Synchronization

@testable import RPC

/// A TCP connection that says nothing.
final class RawSocket: Sendable {
    private final class Watcher: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let onEnd: @Sendable () -> Void
        init(_ onEnd: @escaping @Sendable () -> Void) { self.onEnd = onEnd }
        func channelInactive(context: ChannelHandlerContext) { onEnd() }
    }

    private let closed = Mutex(false)

    var isClosed: Bool { closed.withLock { $0 } }

    static func open(_ address: RPCAddress) async throws -> RawSocket {
        let socket = RawSocket()
        _ = try await ClientBootstrap(group: TestServer.group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Watcher { socket.closed.withLock { $0 = true } })
                }
            }
            .connect(host: address.host, port: address.port).get()
        return socket
    }
}
