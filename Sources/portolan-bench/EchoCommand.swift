import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import RPC

/// What NIO and TLS alone give: a length-prefixed echo with answers of another size.
struct EchoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo", abstract: "A bare NIO and TLS echo, as the yardstick.")

    @OptionGroup var target: Target
    @OptionGroup var load: LoadOptions
    @Option(help: "Bytes of a request behind its length.") var request = 96
    @Option(help: "Bytes of an answer behind its length.") var answer = 300
    @Option(help: "Port of an echo that serves already; without it one is served from here.")
    var port: Int?
    @Flag(help: "Only serve: write the port and wait until the input ends.") var serve = false

    func run() async throws {
        if serve {
            let server = try await EchoServer(target, answer: answer)
            print(server.port)
            fflush(nil)
            while readLine() != nil {}
            return try await server.stop()
        }
        let server = port == nil ? try await EchoServer(target, answer: answer) : nil
        let request = request
        try await RawRun.measure(
            address: .init(ipAddress: "127.0.0.1", port: server?.port ?? port ?? 0),
            tls: target.tlsContext(alpn: "echo", verifying: false), plan: load.plan,
            seconds: load.seconds
        ) { _ in EchoRequests(request: request) }.report()
        try await server?.stop()
    }
}

/// The echo with TLS 1.3 and client certificates, as the services have them.
private struct EchoServer {
    private let channel: any Channel
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    var port: Int { channel.localAddress?.port ?? 0 }

    init(_ target: Target, answer: Int) async throws {
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
        channel = try await ServerBootstrap(group: group)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLServerHandler(context: context))
                    try channel.pipeline.syncOperations.addHandler(EchoHandler(answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    func stop() async throws {
        try await channel.close()
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
