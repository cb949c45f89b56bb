public import NIOCore
public import SwiftProtobuf

/// The receiving half of a streamed answer, as bytes. One consumer.
public struct PayloadStream: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer
    private let makeNext: @Sendable () async throws -> ByteBuffer?

    /// `next` returns nil at the end, throws `RPCError` on failure and `CancellationError` when the
    /// consuming task is cancelled.
    public init(next: @escaping @Sendable () async throws -> ByteBuffer?) { self.makeNext = next }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let makeNext: @Sendable () async throws -> ByteBuffer?
        public mutating func next() async throws -> ByteBuffer? { try await makeNext() }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(makeNext: makeNext) }
}

/// The receiving half of a streamed answer, as messages. One consumer.
public struct MessageStream<Response: Message>: AsyncSequence, Sendable {
    public typealias Element = Response
    /// The messages as they come, for consumers that read them in place. Instead of, not beside.
    public let payloads: PayloadStream

    public init(_ payloads: PayloadStream) { self.payloads = payloads }

    public struct AsyncIterator: AsyncIteratorProtocol {
        var payloads: PayloadStream.AsyncIterator
        public mutating func next() async throws -> Response? {
            guard let payload = try await payloads.next() else { return nil }
            return try MessageCoding.decode(Response.self, from: payload)
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(payloads: payloads.makeAsyncIterator())
    }
}
