import NIOCore

/// One call that does not end on the event loop. Lives on its connection's loop.
final class ServerStream {
    let id: UInt32
    let method: Int
    let started: NIODeadline
    let deadline: NIODeadline
    /// Lets streamed answers through; nil for calls that are answered once.
    let gate: CreditGate?
    /// Where a method that takes a stream of requests gets them.
    let requests: IncomingRequests?
    var task: Task<Void, Never>?
    /// The caller has its end, or wants none; the handler may still run.
    var isAnswered = false

    init(
        id: UInt32, method: Int, started: NIODeadline, deadline: NIODeadline, gate: CreditGate?,
        requests: IncomingRequests? = nil
    ) {
        self.id = id
        self.method = method
        self.started = started
        self.deadline = deadline
        self.gate = gate
        self.requests = requests
    }

    /// Tells the handler that nobody waits for it.
    func stop(_ error: RPCError) {
        isAnswered = true
        gate?.close(error)
        requests?.stream.finish(error)
        task?.cancel()
    }
}

/// Counts one method's calls on one connection. Lives on its connection's loop, so needs no lock.
final class MethodCounters {
    var figures = MethodFigures()
    /// Calls answered in the current burst of reads; their time is known when it is flushed.
    var inBurst: UInt64 = 0

    func end(status: RPCError.Code, nanoseconds: UInt64) {
        figures.end(status: status, nanoseconds: nanoseconds)
    }

    func endBurst(nanoseconds: UInt64) {
        figures.endBurst(count: inBurst, nanoseconds: nanoseconds)
        inBurst = 0
    }
}
