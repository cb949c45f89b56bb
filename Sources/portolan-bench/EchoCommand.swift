import ArgumentParser
import NIOCore
import NIOPosix
import NIOSSL
import RPC

/// What NIO and TLS alone give: a length-prefixed echo with answers of another size.
struct EchoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo", abstract: "A bare NIO and TLS echo, as the yardstick.")

    @OptionGroup var target: Target
    @Option var connections = 1
    @Option var inFlight = 1
    @Option var seconds = 5
    @Option var threads = 1
    @Option(help: "Bytes of a request behind its length.") var request = 96
    @Option(help: "Bytes of an answer behind its length.") var answer = 300

    func run() async throws {
        let identity = try target.tlsIdentity()
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(identity.certificateChain)
                .map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: identity.privateKey, format: .pem)))
        configuration.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(identity.trustRoots))
        configuration.certificateVerification = .noHostnameVerification
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = ["echo"]
        let context = try NIOSSLContext(configuration: configuration)
        let answer = answer
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let server = try await ServerBootstrap(group: group)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLServerHandler(context: context))
                    try channel.pipeline.syncOperations.addHandler(EchoHandler(answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let address = server.localAddress else { return }
        try await RawRun.measure(
            address: address, tls: target.tlsContext(alpn: "echo"),
            wire: .echo(request: request, answer: answer), connections: connections,
            inFlight: inFlight, seconds: seconds, threads: threads
        ).report()
        try await server.close()
        try await group.shutdownGracefully()
    }
}

/// Answers each length-prefixed request with its first four bytes and filling.
private final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: Int
    private let filling: [UInt8]
    private var received = ByteBuffer()

    init(answer: Int) {
        self.answer = answer
        filling = Array(repeating: 0x79, count: max(0, answer - 4))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        received.writeBuffer(&incoming)
        var output = context.channel.allocator.buffer(capacity: 16_384)
        while let length = received.getInteger(at: received.readerIndex, as: UInt32.self),
            received.readableBytes >= 4 + Int(length)
        {
            received.moveReaderIndex(forwardBy: 4)
            let id = received.getInteger(at: received.readerIndex, as: UInt32.self) ?? 0
            received.moveReaderIndex(forwardBy: Int(length))
            output.writeInteger(UInt32(answer))
            output.writeInteger(id)
            output.writeBytes(filling)
        }
        received.discardReadBytes()
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
    }
}
