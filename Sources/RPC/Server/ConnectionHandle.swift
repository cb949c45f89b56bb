/// What other threads may ask of a connection, whichever wire it speaks.
struct ConnectionHandle: Sendable {
    /// Opens no further calls and closes when the last has ended.
    let drain: @Sendable () -> Void
    /// Ends the calls under way with UNAVAILABLE, then the connection.
    let stop: @Sendable () -> Void
    /// What its methods have counted; empty once it has ended.
    let figures: @Sendable () async -> [(RPCMetrics.Key, MethodFigures)]
}
