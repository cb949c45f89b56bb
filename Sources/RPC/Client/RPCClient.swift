package import Logging
package import NIOCore
import Synchronization

/// Calls one service of one Region over mutual TLS.
///
/// Connects when first called and again after a loss. Calls that certainly did not reach a handler
/// are sent again, those declared idempotent also when that is not certain.
package final class RPCClient: CallChannel {
    private let slots: [ConnectionSlot]
    private let next = Atomic<Int>(0)
    private let configuration: ClientConfiguration

    /// `expected` must be what the server's certificate says; several addresses are the same
    /// service's and are tried in turn.
    package init(
        addresses: [RPCAddress], expected: PeerIdentity, tls: TLSIdentityStore,
        group: any EventLoopGroup, configuration: ClientConfiguration = .standard,
        logger: Logger = Logger(label: "rpc.client")
    ) {
        precondition(!addresses.isEmpty && configuration.connections > 0)
        self.configuration = configuration
        self.slots = (0..<configuration.connections).map { index in
            let rotated =
                Array(addresses[(index % addresses.count)...])
                + Array(addresses[..<(index % addresses.count)])
            return ConnectionSlot(
                ClientTarget(
                    addresses: rotated, expected: expected, tls: tls, eventLoop: group.next(),
                    configuration: configuration, logger: logger))
        }
    }

    package func unary(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> ByteBuffer {
        let (deadline, metadata) = try check(request, options, method)
        var attempt = 0
        while true {
            attempt += 1
            do {
                let link = try await link(by: deadline, for: method)
                return try await link.unary(
                    ClientCall(
                        method: method, request: request, metadata: metadata, deadline: deadline))
            } catch let failure as CallFailure {
                let isSafe = !failure.mayHaveRun || method.isIdempotent
                guard isSafe, failure.error.code == .unavailable,
                    failure.error.isOfConnection, attempt < configuration.attemptsMax,
                    !deadline.hasPassed, !Task.isCancelled
                else { throw failure.error }
            }
        }
    }

    package func serverStreaming(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> PayloadStream {
        let (deadline, metadata) = try check(request, options, method)
        let link = try await link(by: deadline, for: method)
        return link.serverStreaming(
            ClientCall(method: method, request: request, metadata: metadata, deadline: deadline))
    }

    package func clientStreaming(
        _ method: MethodDescriptor, options: CallOptions, requests: @escaping RequestProducer
    ) async throws -> ByteBuffer {
        let (deadline, metadata) = try check(nil, options, method)
        let link = try await link(by: deadline, for: method)
        let call = ClientCall(
            method: method, request: nil, metadata: metadata, deadline: deadline)
        do {
            return try await link.clientStreaming(call, requests)
        } catch let failure as CallFailure {
            throw failure.error
        }
    }

    package func bidirectionalStreaming(
        _ method: MethodDescriptor, options: CallOptions, requests: @escaping RequestProducer
    ) async throws -> PayloadStream {
        let (deadline, metadata) = try check(nil, options, method)
        let link = try await link(by: deadline, for: method)
        return link.bidirectionalStreaming(
            ClientCall(method: method, request: nil, metadata: metadata, deadline: deadline),
            requests)
    }

    package func close() async {
        for slot in slots { slot.close() }
    }

    private func check(
        _ request: ByteBuffer?, _ options: CallOptions, _ method: MethodDescriptor
    ) throws -> (Deadline, [String: String]) {
        if let request { try configuration.limits.check(message: request) }
        let metadata = options.outgoingMetadata
        try configuration.limits.check(metadata: metadata)
        let deadline = options.deadline
        if deadline.hasPassed { throw RPCError.deadlineExceeded(method.fullName) }
        return (deadline, metadata)
    }

    private func link(
        by deadline: Deadline, for method: MethodDescriptor
    ) async throws -> ClientLink {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        let slot = slots[Int(UInt(bitPattern: index) % UInt(slots.count))]
        if let link = slot.current { return link }
        return try await slot.link(by: deadline, for: method)
    }
}

extension RPCError {
    /// Whether the connection failed rather than the service behind it.
    fileprivate var isOfConnection: Bool {
        ["CONNECTION_LOST", "CONNECTION_FAILED", "SERVER_STOPPING"].contains(reason)
    }
}
