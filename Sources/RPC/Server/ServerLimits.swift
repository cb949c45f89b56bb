/// What one server lets its peers use. Memory per connection follows from these.
package struct ServerLimits: Sendable {
    package var call = CallLimits.standard
    /// Connections at once; more are closed when accepted.
    package var connectionsMax = 20_000
    /// Calls under way on one connection, including cancelled ones whose handler still runs.
    package var streamsPerConnectionMax = 1_000
    /// From accepting to the end of the TLS handshake.
    package var handshakeTimeout = Duration.seconds(10)
    /// What a stream of requests may send before the handler takes some.
    package var requestCreditBytes = 256 << 10
    /// A connection without calls is closed after this.
    package var idleTimeout = Duration.seconds(15 * 60)
    /// How long part of a frame may wait for its rest, and unsent bytes for the peer to read.
    package var stallTimeout = Duration.seconds(30)
    /// Silence on a connection with calls under way after which the server asks whether the peer
    /// is there; after twice this the connection is closed.
    package var keepAliveInterval = Duration.seconds(30)
    /// A connection is drained at this age, give or take a tenth, so that load spreads again and
    /// certificates are checked anew.
    package var connectionAgeMax = Duration.seconds(6 * 60 * 60)
    /// What calls may take once a connection is too old; streams that are meant to stay open are
    /// cut off then and opened again elsewhere.
    package var connectionAgeGrace = Duration.seconds(10 * 60)
    /// Pings and other frames that cost nothing to send, per keep-alive interval.
    package var controlFramesMax = 10_000
    /// Answers waiting to be sent on one connection before handlers wait.
    package var outboundBytesMax = 8 << 20

    package init() {}

    package static var standard: ServerLimits { ServerLimits() }

    /// Largest frame accepted: a message, a method's name and metadata.
    var frameBytesMax: Int { call.messageBytesMax + (64 << 10) }
}
