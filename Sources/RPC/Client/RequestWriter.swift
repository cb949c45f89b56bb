public import SwiftProtobuf

/// The sending half of a stream of requests, as messages.
public struct RequestWriter<Request: Message>: Sendable {
    private let payloads: PayloadWriter

    public init(_ payloads: PayloadWriter) { self.payloads = payloads }

    /// Sends one message. Waits while the server grants no credit; throws once the call is over.
    public func write(_ message: Request) async throws {
        try await payloads.write(MessageCoding.encode(message))
    }
}
