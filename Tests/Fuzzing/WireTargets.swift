import Contracts
import NIOCore
import NIOHPACK
import SwiftProtobuf

@testable import RPC

/// The decoder of frames, against the generated one.
func fuzzFrames(_ first: UInt8, _ input: ByteBuffer) {
    var buffer = FrameBuffer(frameBytesMax: 1 << 16)
    do {
        for piece in input.pieces(of: Int(first) + 1) {
            buffer.append(piece)
            while let frame = try buffer.next() { check(frame) }
        }
    } catch {}
}

private func check(_ frame: FrameBuffer.Frame) {
    _ = frame.string(frame.view.name)
    _ = frame.string(frame.view.text)
    _ = try? frame.metadata()
    precondition((frame.payload?.readableBytes ?? 0) <= frame.bytes.readableBytes)
    if let call = frame.bytes.withUnsafeReadableBytes({ CallView($0) }) {
        precondition(frame.view.kind == .call && frame.view.flag && !frame.view.hasMetadata)
        precondition(call.streamID == frame.view.streamID && call.method == frame.view.name)
        precondition(call.payload == frame.view.payload ?? 0..<0)
    }
    // The generated decoder also refuses text that is not UTF-8, which is why it may fail alone.
    guard let message = try? WireFrame(serializedBytes: Array(frame.bytes.readableBytesView))
    else { return }
    precondition(message.streamID == frame.view.streamID)
    switch message.body {
    case .call(let call):
        precondition(frame.view.kind == .call && call.endOfRequests == frame.view.flag)
    case .end(let end):
        precondition(
            frame.view.kind == .end && UInt64(end.status) == frame.view.number & 0xffff_ffff)
    case .goAway(let goAway): precondition(goAway.lastStreamID == frame.view.lastStreamID)
    default: break
    }
}

/// Messages of gRPC, compressed ones included.
func fuzzGRPC(_ first: UInt8, _ input: ByteBuffer) {
    var limits = CallLimits.standard
    limits.messageBytesMax = 1 << 16
    var buffer = GRPCMessageBuffer()
    buffer.acceptsGzip = first & 1 == 1
    do throws(RPCError) {
        for piece in input.pieces(of: Int(first >> 1) + 1) {
            buffer.append(piece)
            precondition(buffer.missingBytes >= 0)
            while let message = try buffer.next(limits) {
                precondition(message.readableBytes <= limits.messageBytesMax)
            }
        }
    } catch { precondition(error.code != .ok) }
}

/// Headers of a request: lines of name, colon and value.
func fuzzHeaders(_ first: UInt8, _ input: ByteBuffer) {
    var block = ByteBuffer()
    writeHeader(&block, ":method".utf8, "POST".utf8)
    writeHeader(&block, "content-type".utf8, "application/grpc".utf8)
    if first & 1 == 1 {
        writeHeader(&block, ":path".utf8, "/portolan.test.v1.Test/Echo".utf8)
    }
    for line in input.readableBytesView.split(separator: UInt8(ascii: "\n")) {
        let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1)
        if parts.count == 2 { writeHeader(&block, parts[0], parts[1]) }
    }
    var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
    guard let headers = try? decoder.decodeHeaders(from: &block) else { return }
    do throws(GRPCRequestHead.Refusal) {
        let head = try GRPCRequestHead(headers)
        precondition(head.timeout.map { $0 >= .zero } ?? true)
        try? CallLimits.standard.check(metadata: head.metadata)
        _ = TraceContext(head.metadata)
    } catch {
        if case .status(let code, _, let message) = error {
            let trailers = GRPCStatus.trailers(
                RPCError(code, reason: "X", message: message, metadata: ["m": message]),
                isOnly: true)
            precondition(trailers.contains(name: "grpc-status"))
        }
    }
}

/// A header as a peer writes it, with bytes that no encoder would let through.
private func writeHeader(
    _ block: inout ByteBuffer, _ name: some Collection<UInt8>, _ value: some Collection<UInt8>
) {
    block.writeInteger(UInt8(0))
    block.writeInteger(UInt8(min(name.count, 126)))
    block.writeBytes(name.prefix(126))
    block.writeInteger(UInt8(min(value.count, 126)))
    block.writeBytes(value.prefix(126))
}

private let requests = ContractMethods.all.sorted { $0.key < $1.key }.map(\.value.request)

/// Requests of every method of the contracts.
func fuzzMessages(_ first: UInt8, _ input: ByteBuffer) {
    let type: any Message.Type = requests[Int(first) % requests.count]
    decode(type, input)
}

private func decode<M: Message>(_ type: M.Type, _ input: ByteBuffer) {
    guard let message = try? MessageCoding.decode(type, from: input) else { return }
    // What was understood survives being sent on.
    guard let payload = try? MessageCoding.encode(message) else {
        preconditionFailure("\(M.protoMessageName) cannot be encoded again")
    }
    precondition((try? MessageCoding.decode(type, from: payload)) != nil)
    _ = try? message.jsonString()
}
