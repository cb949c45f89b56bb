import Contracts
import NIOCore
import RPC
import ServiceKit
import SwiftProtobuf
import Synchronization

/// Fields that no version knows yet.
enum LaterFields {
    /// Field 50,000, a number, and field 50,001, a text.
    static func encoded(_ text: String = "later") -> [UInt8] {
        varint(50_000 << 3) + [42] + varint(50_001 << 3 | 2) + [UInt8(text.utf8.count)]
            + Array(text.utf8)
    }

    private static func varint(_ value: Int) -> [UInt8] {
        value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7F | 0x80)] + varint(value >> 7)
    }
}

extension Message {
    /// The message as a later version would send it.
    mutating func makeLater(_ text: String = "later") throws {
        try merge(serializedBytes: LaterFields.encoded(text))
    }

    /// Whether it has what a later version wrote.
    func isLater(_ text: String = "later") -> Bool {
        Array(unknownFields.data) == LaterFields.encoded(text)
    }
}

/// A peer of a later version, as this one sees it: every message that passes has fields nobody knows,
/// entries and positions within them too.
struct LaterChannel: CallChannel {
    /// Counts, by method, the messages with entries or records that were changed inside.
    final class Witness: Sendable {
        private let counts = Mutex<[String: Int]>([:])
        func saw(_ method: MethodDescriptor) {
            counts.withLock { $0[method.fullName, default: 0] += 1 }
        }
        func count(_ method: MethodDescriptor) -> Int {
            counts.withLock { $0[method.fullName] ?? 0 }
        }
    }

    let base: any CallChannel
    let witness: Witness

    func unary(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> ByteBuffer {
        let answer = try await base.unary(
            method, request: try laterRequest(method, request), options: options)
        return try laterAnswer(method, answer)
    }

    func serverStreaming(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> PayloadStream {
        let stream = try await base.serverStreaming(
            method, request: try laterRequest(method, request), options: options)
        return PayloadStream {
            var iterator = stream.makeAsyncIterator()
            return try await iterator.next().map { try laterAnswer(method, $0) }
        }
    }

    func close() async { await base.close() }

    private func laterRequest(_ method: MethodDescriptor, _ payload: ByteBuffer) throws
        -> ByteBuffer
    {
        switch method.fullName {
        case CoordinatorLogMethods.append.fullName:
            return try change(CoordinatorAppendRequest.self, method, payload) { message in
                for index in message.records.indices { try message.records[index].makeLater() }
                for index in message.events.indices { try message.events[index].makeLater() }
            }
        case CoordinatorReplicationMethods.exchangeReigns.fullName:
            return try change(CoordinatorExchangeReignsRequest.self, method, payload) { message in
                for index in message.reigns.indices { try message.reigns[index].makeLater() }
            }
        default: return outside(payload)
        }
    }

    private func laterAnswer(_ method: MethodDescriptor, _ payload: ByteBuffer) throws -> ByteBuffer
    {
        switch method.fullName {
        case CoordinatorReplicationMethods.subscribe.fullName:
            return try change(CoordinatorSubscribeResponse.self, method, payload) { message in
                for index in message.entries.indices { try message.entries[index].makeLater() }
                try message.through.makeLater()
                try message.head.makeLater()
            }
        case CoordinatorLogMethods.tail.fullName:
            return try change(CoordinatorTailResponse.self, method, payload) { message in
                guard case .batch(var batch) = message.kind else { return }
                for index in batch.entries.indices { try batch.entries[index].makeLater() }
                try batch.makeLater()
                message.kind = .batch(batch)
            }
        case CoordinatorReplicationMethods.getDigests.fullName:
            return try change(CoordinatorGetDigestsResponse.self, method, payload) { message in
                for index in message.digests.indices { try message.digests[index].makeLater() }
            }
        default: return outside(payload)
        }
    }

    private func change<M: Message>(
        _ type: M.Type, _ method: MethodDescriptor, _ payload: ByteBuffer,
        _ body: (inout M) throws -> Void
    ) throws -> ByteBuffer {
        var message = try MessageCoding.decode(type, from: payload)
        try body(&message)
        try message.makeLater()
        witness.saw(method)
        return try MessageCoding.encode(message)
    }

    /// Any message, whatever it is.
    private func outside(_ payload: ByteBuffer) -> ByteBuffer {
        var payload = payload
        payload.writeBytes(LaterFields.encoded())
        return payload
    }
}
