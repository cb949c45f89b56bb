import NIOCore
import NIOPosix
import NIOSSL
import SwiftProtobuf
import Synchronization

@testable import RPC

/// A TLS connection that sends what it is told and remembers the frames it gets.
final class RawConnection: Sendable {
    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let owner: Received
        init(_ owner: Received) { self.owner = owner }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            owner.append(unwrapInboundIn(data))
        }

        func channelInactive(context: ChannelHandlerContext) { owner.close() }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    struct State {
        var received = ByteBuffer()
        var isClosed = false
    }

    private let owner: Received
    let channel: any Channel

    private init(_ owner: Received, _ channel: any Channel) {
        self.owner = owner
        self.channel = channel
    }

    /// Connects; TLS is under way when this returns. `identity` nil shows no certificate.
    static func open(
        _ address: RPCAddress, identity: TLSIdentity, showsCertificate: Bool = true,
        protocols: [String] = [TLSIdentityStore.nativeProtocol],
        maximumVersion: TLSVersion = .tlsv13
    ) async throws -> RawConnection {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(identity.trustRoots))
        configuration.certificateVerification = .noHostnameVerification
        configuration.applicationProtocols = protocols
        configuration.maximumTLSVersion = maximumVersion
        if showsCertificate {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(
                identity.certificateChain
            ).map { .certificate($0) }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: identity.privateKey, format: .pem))
        }
        let context = try NIOSSLContext(configuration: configuration)
        let owner = Received()
        let channel = try await ClientBootstrap(group: TestServer.group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: nil))
                    try pipeline.addHandler(Collector(owner))
                }
            }
            .connect(host: address.host, port: address.port).get()
        return RawConnection(owner, channel)
    }

    func send(_ bytes: ByteBuffer) {
        channel.writeAndFlush(bytes, promise: nil)
    }

    func send(_ write: (inout ByteBuffer) -> Void) {
        var bytes = ByteBuffer()
        write(&bytes)
        send(bytes)
    }

    var isClosed: Bool { owner.state.withLock { $0.isClosed } }

    /// All whole frames so far.
    var frames: [WireFrame] {
        var bytes = owner.state.withLock { $0.received }
        var frames: [WireFrame] = []
        while let length = bytes.readInteger(as: UInt32.self),
            let body = bytes.readBytes(length: Int(length)),
            let frame = try? WireFrame(serializedBytes: body)
        {
            frames.append(frame)
        }
        return frames
    }

    var goAway: WireGoAway? {
        frames.compactMap { if case .goAway(let goAway) = $0.body { goAway } else { nil } }.first
    }

    func end(_ stream: UInt32) -> WireEnd? {
        frames.compactMap { frame in
            if frame.streamID == stream, case .end(let end) = frame.body { end } else { nil }
        }.first
    }

    /// Waits for the server to go away and close; the reason it gave.
    func reasonOfEnd() async -> String? {
        guard await eventually({ self.isClosed }) else { return "still open" }
        return goAway?.reason
    }
}

/// What has been received, shared between the handler and the test.
private final class Received: Sendable {
    let state = Mutex(RawConnection.State())

    func append(_ bytes: ByteBuffer) {
        _ = state.withLock { $0.received.writeImmutableBuffer(bytes) }
    }

    func close() { state.withLock { $0.isClosed = true } }
}
