import NIOCore

/// Carries the streamed requests of a call in the same process, with as much room as the network
/// gives.
final class RequestPipe: Sendable {
    private let requests = OutgoingRequests()
    private let incoming: IncomingStream
    private let limits: CallLimits

    init(limits: CallLimits) {
        let gate = requests.gate
        self.limits = limits
        incoming = IncomingStream(onTaken: { gate.grant($0) }, onAbandoned: {})
        gate.grant(limits.streamCreditBytes)
    }

    /// What the handler reads.
    var stream: PayloadStream { PayloadStream(incoming) }

    /// Runs what sends the requests; tells when it throws.
    func start(
        _ produce: @escaping RequestProducer, onFailure: @escaping @Sendable (RPCError) -> Void
    ) {
        let incoming = incoming
        requests.start(produce, limits: limits) { payload in
            incoming.push(payload)
        } done: { result in
            switch result {
            case .success: incoming.finish()
            case .failure(let error):
                incoming.finish(error)
                onFailure(error)
            }
        }
    }

    /// The call is over.
    func stop(_ error: RPCError) {
        requests.stop(error)
        incoming.finish(error)
    }
}
