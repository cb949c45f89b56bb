public import NIOCore
public import SwiftProtobuf

/// The sending half of a streamed answer, as bytes. Made by a transport.
public struct PayloadWriter: Sendable {
    private let send: @Sendable (ByteBuffer) async throws -> Void

    /// `send` waits for credit and throws once the call is over.
    public init(send: @escaping @Sendable (ByteBuffer) async throws -> Void) { self.send = send }

    public func write(_ payload: ByteBuffer) async throws { try await send(payload) }
}

/// The sending half of a streamed answer, as messages.
public struct ResponseWriter<Response: Message>: Sendable {
    private let payloads: PayloadWriter

    public init(_ payloads: PayloadWriter) { self.payloads = payloads }

    /// Sends one message. Waits while the receiver grants no credit; throws CANCELLED when the
    /// caller is gone, DEADLINE_EXCEEDED when time is up.
    public func write(_ message: Response) async throws {
        try await payloads.write(MessageCoding.encode(message))
    }

    /// Sends a message that is encoded already.
    public func write(encoded message: ByteBuffer) async throws {
        try await payloads.write(message)
    }
}
