import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// Opens connections and leaves them alone, so that somebody else can see what they cost.
struct IdleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle", abstract: "Hold idle connections until the input ends.")

    @OptionGroup var target: Target
    @Option var service = "directory"
    @Option var connections = 5_000

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let tls = try target.tlsContext(alpn: "portolan-rpc/1")
        let address = try target.address(of: service)
        var open: [any Channel] = []
        while open.count < connections {
            // A few at a time: the server's backlog is not what is measured.
            let count = min(50, connections - open.count)
            try await withThrowingTaskGroup(of: (any Channel).self) { tasks in
                for _ in 0..<count {
                    tasks.addTask { try await Self.connect(group, tls, address) }
                }
                for try await channel in tasks { open.append(channel) }
            }
        }
        print(open.count(where: \.isActive))
        fflush(nil)
        while readLine() != nil {}
        print(open.count(where: \.isActive))
        try await group.shutdownGracefully()
    }

    /// Connects and waits for the server's first frame.
    private static func connect(
        _ group: any EventLoopGroup, _ tls: NIOSSLContext, _ address: SocketAddress
    ) async throws -> any Channel {
        let loop = group.next()
        let greeted = loop.makePromise(of: Void.self)
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: tls, serverHostname: nil))
                    try channel.pipeline.syncOperations.addHandler(Greeting(greeted))
                }
            }
            .connect(to: address).get()
        try await greeted.futureResult.get()
        return channel
    }

    private final class Greeting: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let greeted: EventLoopPromise<Void>

        init(_ greeted: EventLoopPromise<Void>) { self.greeted = greeted }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { greeted.succeed() }
        func channelInactive(context: ChannelHandlerContext) {
            greeted.fail(ChannelError.ioOnClosedChannel)
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { greeted.fail(error) }
    }
}
