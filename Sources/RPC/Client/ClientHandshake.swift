import NIOCore
import NIOSSL
import NIOTLS

/// Waits for TLS, checks that the server is the expected one, and makes way for the connection.
final class ClientHandshake: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let expected: PeerIdentity
    private let trustDomain: String
    private let peerName: String
    private let verified: EventLoopPromise<Void>
    private let makeConnection: () -> ClientConnection

    init(
        expected: PeerIdentity, trustDomain: String, peerName: String,
        verified: EventLoopPromise<Void>, makeConnection: @escaping () -> ClientConnection
    ) {
        self.expected = expected
        self.trustDomain = trustDomain
        self.peerName = peerName
        self.verified = verified
        self.makeConnection = makeConnection
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let negotiated) = event as? TLSUserEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        do {
            try check(context, negotiated)
            try context.pipeline.syncOperations.addHandler(
                makeConnection(), position: .after(self))
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            verified.fail(error)
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        verified.fail(
            RPCError(
                .unavailable, reason: "TLS_HANDSHAKE",
                message: "TLS with \(peerName) failed; do both certificates lead to the same "
                    + "root? \(String(describing: error).limited(toBytes: 300))", cause: error))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        verified.fail(
            RPCError(
                .unavailable, reason: "TLS_HANDSHAKE",
                message: "\(peerName) ended the connection during the TLS handshake."))
        context.fireChannelInactive()
    }

    private func check(_ context: ChannelHandlerContext, _ negotiated: String?) throws {
        guard negotiated == TLSIdentityStore.nativeProtocol else {
            throw RPCError(
                .unavailable, reason: "ALPN",
                message: "\(peerName) does not speak \(TLSIdentityStore.nativeProtocol).")
        }
        let tls = try context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
        let identity = tls.peerCertificate.flatMap {
            PeerIdentity(verified: $0, trustDomain: trustDomain)
        }
        guard identity == expected else {
            throw RPCError(
                .unauthenticated, reason: "WRONG_SERVER",
                message: "\(peerName) was expected, but its certificate says "
                    + "\(identity.map(\.description) ?? "nothing of this trust domain").")
        }
    }
}
