/// How a client makes and keeps its connections.
package struct ClientConfiguration: Sendable {
    package var limits = CallLimits.standard
    /// Connections to spread calls over, at least one per address. They are made when first needed.
    package var connections = 1
    /// From the name look-up to the server's first frame.
    package var connectTimeout = Duration.seconds(5)
    /// Silence with calls under way after which the client asks whether the server is there; after
    /// twice this the connection is given up.
    package var keepAliveInterval = Duration.seconds(10)
    /// Pause after the first failure to connect. Doubles up to the maximum; half of it is random.
    package var backOffMin = Duration.milliseconds(50)
    package var backOffMax = Duration.seconds(1)
    /// Calls that may wait on one connection because the server takes no more at once.
    package var waitingCallsMax = 10_000
    /// Times a call is sent, where sending it again is safe.
    package var attemptsMax = 3

    package init() {}

    package static var standard: ClientConfiguration { ClientConfiguration() }

    /// Doubles with each failure up to the maximum; the second half of it is random.
    func backOff(failures: Int) -> Duration {
        let doubled = backOffMin * (1 << min(max(failures - 1, 0), 16))
        let pause = min(doubled, backOffMax).nanosecondsClamped
        return .nanoseconds(pause / 2 + Int64.random(in: 0...max(pause / 2, 1)))
    }
}
