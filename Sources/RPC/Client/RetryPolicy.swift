import NIOCore

/// Decides whether and when a call that failed is sent again. A value per call.
struct RetryPolicy {
    let configuration: ClientConfiguration
    let method: MethodDescriptor
    let deadline: Deadline
    /// Whether to wait for a server that cannot be reached.
    let waits: Bool
    /// Whether there is another address to turn to.
    let hasOthers: Bool
    /// Times the call was sent, and times that no connection could be made.
    private(set) var attempts = 0
    private(set) var misses = 0

    init(
        _ configuration: ClientConfiguration, _ method: MethodDescriptor, _ options: CallOptions,
        _ deadline: Deadline, hasOthers: Bool
    ) {
        self.configuration = configuration
        self.method = method
        self.deadline = deadline
        self.waits = options.waitsForServer
        self.hasOthers = hasOthers
    }

    enum Decision {
        case fail(RPCError)
        case again(after: Duration)
    }

    /// No connection could be made, so nothing was sent; it may be tried again after the pause.
    mutating func missed(_ error: RPCError, pause: Duration) -> Decision {
        misses += 1
        guard error.code == .unavailable, !deadline.hasPassed else { return .fail(error) }
        if waits { return .again(after: max(pause, .milliseconds(1))) }
        guard hasOthers, misses < configuration.attemptsMax else { return .fail(error) }
        return .again(after: .zero)
    }

    /// The call was sent, or nearly.
    mutating func failed(_ failure: CallFailure) -> Decision {
        attempts += 1
        let isSafe = !failure.mayHaveRun || method.isIdempotent
        guard isSafe, failure.error.code == .unavailable,
            failure.error.isOfConnection || hasOthers,
            attempts < configuration.attemptsMax || isWaiting(failure), !deadline.hasPassed
        else { return .fail(failure.error) }
        // A connection that ended is replaced at once; what fails again had better wait.
        let pause = attempts == 1 ? .zero : configuration.backOff(failures: attempts - 1)
        return .again(after: pause)
    }

    /// Whether the server was not there for a call that waits for it: one that stops takes connections for
    /// a moment and no calls on them.
    private func isWaiting(_ failure: CallFailure) -> Bool {
        waits && !failure.mayHaveRun && failure.error.isOfConnection
    }
}

extension RPCError {
    /// Whether the connection failed rather than the service behind it.
    var isOfConnection: Bool {
        ["CONNECTION_LOST", "CONNECTION_FAILED", "SERVER_STOPPING"].contains(reason)
    }
}
