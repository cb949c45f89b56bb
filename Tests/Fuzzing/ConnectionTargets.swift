import Logging
import NIOCore
import NIOEmbedded

@testable import RPC

private let echo = MethodDescriptor(
    service: "portolan.test.v1.Test", name: "Echo", kind: .unary, isIdempotent: true)
private let quiet = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }

private let core: ServerCore = {
    var methods = MethodTable()
    methods.register(echo, .unary { payload, _ in payload })
    // Always from memory: a task would come back to an event loop that is of this thread alone.
    methods.registerImmediate(echo) { payload, _, sink in
        sink.write(payload)
        return .written
    }
    var limits = ServerLimits.standard
    limits.controlFramesMax = 100
    return ServerCore(methods: methods, authorization: nil, limits: limits, logger: quiet)
}()

/// A server's connection, from its first byte to its end.
func fuzzServer(_ first: UInt8, _ input: ByteBuffer) {
    let connection = ServerConnection(
        core: core, peer: .service(name: "portal", region: "eu-west-1"))
    let channel = EmbeddedChannel(handler: connection)
    for piece in input.pieces(of: Int(first) + 1) {
        guard (try? channel.writeInbound(piece)) != nil else { break }
    }
    checkSent(channel)
    _ = try? channel.finish(acceptAlreadyClosed: true)
    precondition(connection.streams.isEmpty)
}

/// A client's connection with a call of each kind under way.
func fuzzClient(_ first: UInt8, _ input: ByteBuffer) {
    let channel = EmbeddedChannel()
    let opened = channel.eventLoop.makePromise(of: Void.self)
    let connection = ClientConnection(
        configuration: .standard, peerName: "fuzz", opened: opened, onUnusable: {})
    guard (try? channel.pipeline.syncOperations.addHandler(connection)) != nil else { return }
    var settings = ByteBuffer()
    settings.writeFrame(streamID: 0, .settings(WireSettings()))
    guard (try? channel.writeInbound(settings)) != nil else { return }
    let unary = ClientCall(
        method: echo, request: ByteBuffer(), metadata: [:], deadline: .never)
    let streamed = ClientCall(
        method: echo, request: ByteBuffer(), metadata: [:], deadline: .never)
    streamed.incoming = IncomingStream(onTaken: { _ in }, onAbandoned: {})
    connection.start(unary)
    connection.start(streamed)
    connection.flush()
    for piece in input.pieces(of: Int(first) + 1) {
        guard (try? channel.writeInbound(piece)) != nil else { break }
    }
    checkSent(channel)
    _ = try? channel.finish(acceptAlreadyClosed: true)
    precondition(unary.hasEnded && streamed.hasEnded)
}

/// Whatever came in, what goes out are frames.
private func checkSent(_ channel: EmbeddedChannel) {
    var sent = FrameBuffer(frameBytesMax: WireLimits.defaultFrameBytesMax)
    while let bytes = try? channel.readOutbound(as: ByteBuffer.self) { sent.append(bytes) }
    do {
        while try sent.next() != nil {}
    } catch { preconditionFailure("sent what is no frame: \(error)") }
    precondition(!sent.isPartial)
}
