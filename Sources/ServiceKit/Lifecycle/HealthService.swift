import NIOCore
package import RPC

/// The standard gRPC health protocol (grpc.health.v1).
///
/// The empty service name asks whether the process is up; a service's name ("directory") asks
/// whether it can answer. The messages have one field each and are written by hand: request field 1
/// is the name, response field 1 the status, and field 1000, which other clients skip, the reason.
package struct HealthService: Sendable {
    package enum Status: UInt8, Sendable {
        case unknown = 0
        case serving = 1
        case notServing = 2
        case serviceUnknown = 3
    }

    static let check = MethodDescriptor(
        service: "grpc.health.v1.Health", name: "Check", kind: .unary, isIdempotent: true)
    static let watch = MethodDescriptor(
        service: "grpc.health.v1.Health", name: "Watch", kind: .serverStreaming, isIdempotent: true)

    private let name: ServiceName
    private let readiness: @Sendable () async -> Readiness

    package init(_ name: ServiceName, readiness: @escaping @Sendable () async -> Readiness) {
        self.name = name
        self.readiness = readiness
    }

    package func register(in table: inout MethodTable) {
        table.register(
            Self.check,
            .unary { payload, _ in
                let (status, reason) = await answer(try HealthMessages.service(payload))
                guard status != .serviceUnknown else {
                    throw RPCError(
                        .notFound, reason: "SERVICE_UNKNOWN",
                        message: "This server offers \(name.rawValue).")
                }
                return HealthMessages.response(status, reason: reason)
            })
        table.register(
            Self.watch,
            .serverStreaming { payload, context, writer in
                let service = try HealthMessages.service(payload)
                var last: ByteBuffer?
                while !context.deadline.hasPassed {
                    let (status, reason) = await answer(service)
                    let message = HealthMessages.response(status, reason: reason)
                    if message != last { try await writer.write(message) }
                    last = message
                    try await Task.sleep(for: .milliseconds(500))
                }
            })
    }

    private func answer(_ service: String) async -> (Status, String) {
        guard !service.isEmpty else { return (.serving, "") }
        guard service == name.rawValue else { return (.serviceUnknown, "") }
        switch await readiness() {
        case .ready: return (.serving, "")
        case .notReady(let reason): return (.notServing, reason)
        }
    }
}

/// Asks a service for its health.
package struct HealthClient: Sendable {
    private let channel: any CallChannel

    package init(_ channel: any CallChannel) { self.channel = channel }

    /// The status and, when it is not serving, why. An empty name asks about the process.
    package func check(
        _ service: String, options: CallOptions = .standard
    ) async throws -> (status: HealthService.Status, reason: String) {
        let answer = try await channel.unary(
            HealthService.check, request: HealthMessages.request(service), options: options)
        return try HealthMessages.status(answer)
    }
}
