import RPC
import SwiftProtobuf

/// Registers one unary method of a fake.
func register<Request: Message, Response: Message>(
    _ method: MethodDescriptor, in table: inout MethodTable,
    _ body: @escaping @Sendable (Request) async throws -> Response
) {
    table.register(
        method,
        .unary { payload, _ in
            try MessageCoding.encode(
                try await body(try MessageCoding.decode(Request.self, from: payload)))
        })
}
