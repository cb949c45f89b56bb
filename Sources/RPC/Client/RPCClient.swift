package import Logging
package import NIOCore
import Synchronization

/// Calls one service of one Region over mutual TLS.
///
/// Connects when first called and again after a loss. Calls that certainly did not reach a handler
/// are sent again, those declared idempotent also when that is not certain.
package final class RPCClient: CallChannel {
    private let pool: ConnectionPool
    private let configuration: ClientConfiguration

    /// `expected` must be what the server's certificate says; several addresses are the same
    /// service's, and calls are spread over those that are well.
    package init(
        addresses: [RPCAddress], expected: PeerIdentity, tls: TLSIdentityStore,
        group: any EventLoopGroup, configuration: ClientConfiguration = .standard,
        logger: Logger = Logger(label: "rpc.client")
    ) {
        precondition(!addresses.isEmpty && configuration.connections > 0)
        self.configuration = configuration
        self.pool = ConnectionPool(
            addresses: addresses, expected: expected, tls: tls, group: group,
            configuration: configuration, logger: logger)
    }

    package func unary(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> ByteBuffer {
        let (deadline, metadata) = try check(request, options, method)
        var policy = policy(method, options, deadline)
        var avoided: RPCAddress?
        while true {
            let (slot, link) = try await link(&policy, avoiding: avoided)
            slot.health.began()
            do {
                let answer = try await link.unary(
                    ClientCall(
                        method: method, request: request, metadata: metadata, deadline: deadline))
                slot.health.ended()
                return answer
            } catch let failure as CallFailure {
                slot.health.failed(
                    isOfServer: failure.error.code == .unavailable && !failure.error.isOfConnection,
                    configuration)
                try await Self.wait(policy.failed(failure), until: deadline)
                avoided = slot.address
            }
        }
    }

    package func serverStreaming(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> PayloadStream {
        let (deadline, metadata) = try check(request, options, method)
        let link = try await link(method, options, deadline)
        return link.serverStreaming(
            ClientCall(method: method, request: request, metadata: metadata, deadline: deadline))
    }

    package func clientStreaming(
        _ method: MethodDescriptor, options: CallOptions, requests: @escaping RequestProducer
    ) async throws -> ByteBuffer {
        let (deadline, metadata) = try check(nil, options, method)
        let link = try await link(method, options, deadline)
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
        let link = try await link(method, options, deadline)
        return link.bidirectionalStreaming(
            ClientCall(method: method, request: nil, metadata: metadata, deadline: deadline),
            requests)
    }

    package func close() async { pool.close() }

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

    private func policy(
        _ method: MethodDescriptor, _ options: CallOptions, _ deadline: Deadline
    ) -> RetryPolicy {
        RetryPolicy(
            configuration, method, options, deadline,
            hasOthers: pool.hasSeveralAddresses)
    }

    private func link(
        _ method: MethodDescriptor, _ options: CallOptions, _ deadline: Deadline
    ) async throws -> ClientLink {
        var policy = policy(method, options, deadline)
        return try await link(&policy, avoiding: nil).link
    }

    /// An open connection, as the policy allows it to be waited for.
    private func link(
        _ policy: inout RetryPolicy, avoiding first: RPCAddress?
    ) async throws -> (slot: ConnectionSlot, link: ClientLink) {
        var avoided = first
        while true {
            let slot = pool.slot(avoiding: avoided)
            if let link = slot.current { return (slot, link) }
            do {
                return (slot, try await slot.link(by: policy.deadline, for: policy.method))
            } catch let error as RPCError {
                try await Self.wait(
                    policy.missed(error, pause: slot.pause), until: policy.deadline)
                avoided = slot.address
            }
        }
    }

    private static func wait(
        _ decision: RetryPolicy.Decision, until deadline: Deadline
    ) async throws {
        switch decision {
        case .fail(let error): throw error
        case .again(let pause):
            do {
                if pause > .zero { try await Task.sleep(for: min(pause, deadline.remaining)) }
                try Task.checkCancellation()
            } catch { throw RPCError.callerGone }
        }
    }
}
