import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// Waits for TLS, reads who the peer is, and puts the wire's handler in its own place.
final class ServerHandshake: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let core: ServerCore
    private let trustDomain: String
    private var timeout: Scheduled<Void>?
    private var isRefused = false

    init(core: ServerCore, trustDomain: String) {
        self.core = core
        self.trustDomain = trustDomain
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timeout = context.eventLoop.scheduleTask(in: TimeAmount(core.limits.handshakeTimeout)) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timeout?.cancel() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let negotiated) = event as? TLSUserEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        let isHTTP2 = negotiated == TLSIdentityStore.http2Protocol
        guard isHTTP2 || negotiated == TLSIdentityStore.nativeProtocol else {
            return refuse(
                context, reason: "ALPN",
                message: "Ask for the application protocol \(TLSIdentityStore.nativeProtocol) or "
                    + "\(TLSIdentityStore.http2Protocol).")
        }
        guard let peer = peerIdentity(context) else {
            // What speaks HTTP/2 cannot read a frame of the native wire.
            if isHTTP2 { return refuseSilently(context) }
            return refuse(
                context, reason: "PEER_IDENTITY",
                message: "The certificate needs one URI name, spiffe://\(trustDomain)/region/"
                    + "<region>/service/<service> or spiffe://\(trustDomain)/operator/<name>.")
        }
        do {
            let pipeline = context.pipeline.syncOperations
            if isHTTP2 {
                let connection = HTTP2Connection(core: core, peer: peer)
                let codec = HTTP2Connection.codec(core.limits)
                let coalescer = WriteCoalescer()
                // One by one: each writes to the one before as soon as it is added.
                try pipeline.addHandler(coalescer, position: .after(self))
                try pipeline.addHandler(codec, position: .after(coalescer))
                try pipeline.addHandler(connection, position: .after(codec))
                core.enter(connection.makeHandle(context.eventLoop), context.channel)
            } else {
                let connection = ServerConnection(core: core, peer: peer)
                try pipeline.addHandler(connection, position: .after(self))
                core.enter(connection.makeHandle(context.eventLoop), context.channel)
            }
            pipeline.removeHandler(self, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !isRefused { context.fireChannelRead(data) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        core.logger.debug(
            "a connection ended in its handshake",
            metadata: [
                "remote": "\(context.remoteAddress?.description ?? "unknown")",
                "error": "\(error)",
            ])
        context.close(promise: nil)
    }

    private func peerIdentity(_ context: ChannelHandlerContext) -> PeerIdentity? {
        guard
            let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self),
            let certificate = tls.peerCertificate
        else { return nil }
        return PeerIdentity(verified: certificate, trustDomain: trustDomain)
    }

    private func refuseSilently(_ context: ChannelHandlerContext) {
        isRefused = true
        core.count(refusal: "PEER_IDENTITY")
        context.close(promise: nil)
    }

    private func refuse(_ context: ChannelHandlerContext, reason: String, message: String) {
        core.logger.debug(
            "a connection was refused",
            metadata: [
                "remote": "\(context.remoteAddress?.description ?? "unknown")",
                "reason": "\(reason)",
            ])
        core.count(refusal: reason)
        var bytes = ByteBuffer()
        bytes.writeGoAway(
            lastStreamID: 0,
            RPCError(.unauthenticated, reason: reason, message: message))
        isRefused = true
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        // Closing with unread bytes in the socket would throw away what was just written.
        let channel = context.channel
        context.eventLoop.scheduleTask(in: .milliseconds(200)) { channel.close(promise: nil) }
    }
}

extension TimeAmount {
    init(_ duration: Duration) { self = .nanoseconds(duration.nanosecondsClamped) }
}
