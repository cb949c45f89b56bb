import Foundation
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL
import SwiftProtobuf
import Synchronization

@testable import RPC

/// A small client of gRPC over HTTP/2, as strict as the tests need.
final class HTTP2Channel: CallChannel {
    typealias Stream = NIOAsyncChannel<HTTP2Frame.FramePayload, HTTP2Frame.FramePayload>
    private typealias Multiplexer = NIOHTTP2Handler.AsyncStreamMultiplexer<Void>

    let connection: any Channel
    private let multiplexer: Multiplexer
    private let isClosing = Mutex(false)
    private let limits = CallLimits.standard

    private init(_ connection: any Channel, _ multiplexer: Multiplexer) {
        self.connection = connection
        self.multiplexer = multiplexer
    }

    static func tls(_ identity: TLSIdentity) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(identity.trustRoots))
        configuration.certificateVerification = .noHostnameVerification
        configuration.applicationProtocols = [TLSIdentityStore.http2Protocol]
        configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(
            identity.certificateChain
        ).map { .certificate($0) }
        configuration.privateKey = .privateKey(
            try NIOSSLPrivateKey(bytes: identity.privateKey, format: .pem))
        return configuration
    }

    static func open(_ address: RPCAddress, identity: TLSIdentity) async throws -> HTTP2Channel {
        let context = try NIOSSLContext(configuration: tls(identity))
        var settings = NIOHTTP2Handler.Configuration()
        settings.connection.initialSettings = [
            HTTP2Setting(parameter: .enablePush, value: 0),
            HTTP2Setting(parameter: .initialWindowSize, value: 65_535),
        ]
        let configured = settings
        let (channel, multiplexer) = try await ClientBootstrap(group: TestServer.group).connect(
            host: address.host, port: address.port
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    NIOSSLClientHandler(context: context, serverHostname: nil))
                let multiplexer = try channel.pipeline.syncOperations
                    .configureAsyncHTTP2Pipeline(mode: .client, configuration: configured) {
                        $0.eventLoop.makeSucceededVoidFuture()
                    }
                return (channel, multiplexer)
            }
        }
        return HTTP2Channel(channel, multiplexer)
    }

    func close() async {
        isClosing.withLock { $0 = true }
        try? await connection.close().get()
    }

    // MARK: - Calls

    func unary(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> ByteBuffer {
        try await clientStreaming(method, options: options) { try await $0.write(request) }
    }

    func clientStreaming(
        _ method: MethodDescriptor, options: CallOptions, requests: @escaping RequestProducer
    ) async throws -> ByteBuffer {
        let answer = Mutex<ByteBuffer?>(nil)
        try await call(method, options, requests) { message in answer.withLock { $0 = message } }
        guard let answer = answer.withLock({ $0 }) else { throw Unexpected() }
        return answer
    }

    func serverStreaming(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> PayloadStream {
        try await bidirectionalStreaming(method, options: options) { try await $0.write(request) }
    }

    func bidirectionalStreaming(
        _ method: MethodDescriptor, options: CallOptions, requests: @escaping RequestProducer
    ) async throws -> PayloadStream {
        let gate = CreditGate(credit: 1)
        let task = Mutex<Task<Void, Never>?>(nil)
        let incoming = IncomingStream(
            onTaken: { _ in gate.grant(1) },
            onAbandoned: { task.withLock { $0 }?.cancel() })
        let pump = Task {
            do {
                try await self.call(method, options, requests) { message in
                    try await gate.acquire(1)
                    incoming.push(message)
                }
                incoming.finish()
            } catch {
                incoming.finish(error as? RPCError ?? .callerGone)
            }
        }
        task.withLock { $0 = pump }
        return PayloadStream(incoming)
    }

    /// Sends what `requests` gives and hands each answer to `receive`.
    private func call(
        _ method: MethodDescriptor, _ options: CallOptions, _ requests: @escaping RequestProducer,
        _ receive: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        if isClosing.withLock({ $0 }) { throw RPCError.channelClosed }
        try limits.check(metadata: options.metadata)
        var headers = Self.headers(method.fullName)
        if let timeout = options.timeout {
            headers.add(
                name: "grpc-timeout", value: "\(timeout.nanosecondsClamped / 1_000_000)m")
        }
        for (name, value) in options.metadata { headers.add(name: name, value: value) }
        let answer = try await exchange(headers, requests, receive)
        if let error = answer.error { throw error }
    }

    static func headers(_ method: String) -> HPACKHeaders {
        [
            ":method": "POST", ":scheme": "https", ":path": "/\(method)", ":authority": "test",
            "content-type": "application/grpc", "te": "trailers",
        ]
    }

    /// What came back, besides messages.
    struct Answer: Sendable {
        var headers: [HPACKHeaders] = []
        var compressedMessages = 0

        func value(_ name: String) -> String? { headers.compactMap { $0.first(name: name) }.last }

        /// The failure that the trailers name; nil for success.
        var error: RPCError? {
            guard let text = value("grpc-status"), let status = Int(text) else {
                return RPCError(.unknown, reason: "NO_STATUS", message: "\(headers)")
            }
            guard status != 0 else { return nil }
            var error = RPCError(
                RPCError.Code(rawValue: status) ?? .unknown, reason: "",
                message: value("grpc-message")?.removingPercentEncoding ?? "")
            if let details = details {
                error.reason = details.info.reason
                error.metadata = details.info.metadata
            }
            return error
        }

        var details: (status: WireStatus, info: WireErrorInfo)? {
            guard var text = value("grpc-status-details-bin") else { return nil }
            while text.utf8.count % 4 != 0 { text += "=" }
            guard let bytes = Data(base64Encoded: text),
                let status = try? WireStatus(serializedBytes: bytes),
                let detail = status.details.first,
                let info = try? WireErrorInfo(serializedBytes: detail.value)
            else { return nil }
            return (status, info)
        }
    }

    /// One stream from its headers to its end.
    func exchange(
        _ headers: HPACKHeaders, _ requests: @escaping RequestProducer,
        _ receive: @escaping @Sendable (ByteBuffer) async throws -> Void = { _ in },
        gzip: Bool = false
    ) async throws -> Answer {
        let complete = Mutex<Answer?>(nil)
        do {
            let stream = try await multiplexer.openStream { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Stream(wrappingChannelSynchronously: channel)
                }
            }
            return try await stream.executeThenClose { inbound, outbound in
                // The writer of `outbound` does not tell of a connection that takes no new streams,
                // and nothing would come back.
                try await stream.channel.writeAndFlush(
                    HTTP2Frame.FramePayload.headers(.init(headers: headers)))
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await Self.send(requests, outbound, gzip: gzip) }
                    defer { group.cancelAll() }
                    let answer = try await self.read(inbound, receive)
                    complete.withLock { $0 = answer }
                    return answer
                }
            }
        } catch let error as RPCError {
            throw error
        } catch {
            // The server may tell a sender to stop after its answer.
            if let answer = complete.withLock({ $0 }) { return answer }
            if Task.isCancelled || error is CancellationError { throw RPCError.callerGone }
            throw isClosing.withLock { $0 }
                ? RPCError.channelClosed
                : RPCError(.unavailable, reason: "CONNECTION_LOST", message: "\(error)")
        }
    }

    /// Fails without a word when the server has answered already.
    private static func send(
        _ requests: RequestProducer,
        _ outbound: NIOAsyncChannelOutboundWriter<HTTP2Frame.FramePayload>, gzip: Bool
    ) async {
        let writer = PayloadWriter { payload in
            let compressed = gzip ? Gzip.compress(payload) : nil
            let framed = GRPCMessageBuffer.framed(
                compressed ?? payload, isCompressed: compressed != nil)
            try await outbound.write(.data(.init(data: .byteBuffer(framed))))
        }
        do {
            try await requests(writer)
            try await outbound.write(
                .data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)))
        } catch {
            try? await outbound.write(.rstStream(.cancel))
        }
    }

    private func read(
        _ inbound: NIOAsyncChannelInboundStream<HTTP2Frame.FramePayload>,
        _ receive: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws -> Answer {
        var answer = Answer()
        var messages = GRPCMessageBuffer()
        for try await frame in inbound {
            switch frame {
            case .headers(let headers):
                answer.headers.append(headers.headers)
                messages.acceptsGzip = answer.value("grpc-encoding") == "gzip"
                if headers.endStream { return answer }
            case .data(let data):
                guard case .byteBuffer(let bytes) = data.data else { continue }
                messages.append(bytes)
                var inflated = messages.inflatedBytes
                while let message = try messages.next(limits) {
                    if messages.inflatedBytes > inflated { answer.compressedMessages += 1 }
                    inflated = messages.inflatedBytes
                    try await receive(message)
                }
            default: break
            }
        }
        if Task.isCancelled { throw RPCError.callerGone }
        throw ChannelError.inputClosed
    }
}
