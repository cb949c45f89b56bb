/// How long calls took. Bucket n counts calls under 2^n x 1.024 microseconds.
package struct LatencyHistogram: Sendable, Equatable {
    package static let bucketCount = 28
    package private(set) var buckets = [UInt64](repeating: 0, count: bucketCount)
    package private(set) var sumNanoseconds: UInt64 = 0

    package init() {}

    /// Upper bound of a bucket, in seconds.
    package static func bound(_ bucket: Int) -> Double { Double(1 << bucket) * 1.024e-6 }

    mutating func record(nanoseconds: UInt64, count: UInt64 = 1) {
        let bucket = 64 - (nanoseconds >> 10).leadingZeroBitCount
        buckets[min(bucket, Self.bucketCount - 1)] += count
        sumNanoseconds &+= nanoseconds &* count
    }

    mutating func merge(_ other: LatencyHistogram) {
        for index in buckets.indices { buckets[index] += other.buckets[index] }
        sumNanoseconds &+= other.sumNanoseconds
    }
}

/// Figures of one method, for one peer or summed.
package struct MethodFigures: Sendable {
    /// Calls that ended, also refused ones.
    package internal(set) var calls: UInt64 = 0
    /// By status code; index 0 counts successes.
    package internal(set) var byStatus = [UInt64](repeating: 0, count: 17)
    package internal(set) var requestBytes: UInt64 = 0
    package internal(set) var responseBytes: UInt64 = 0
    package internal(set) var inFlight = 0
    package internal(set) var latency = LatencyHistogram()

    package init() {}

    mutating func end(status: RPCError.Code, nanoseconds: UInt64) {
        calls += 1
        byStatus[status.rawValue] += 1
        latency.record(nanoseconds: nanoseconds)
    }

    /// Calls that succeeded within one burst of reads.
    mutating func endBurst(count: UInt64, nanoseconds: UInt64) {
        calls += count
        byStatus[0] += count
        latency.record(nanoseconds: nanoseconds, count: count)
    }

    mutating func merge(_ other: MethodFigures) {
        calls += other.calls
        for index in byStatus.indices { byStatus[index] += other.byStatus[index] }
        requestBytes += other.requestBytes
        responseBytes += other.responseBytes
        inFlight += other.inFlight
        latency.merge(other.latency)
    }
}

/// What a server has done since it started.
package struct RPCMetrics: Sendable {
    package struct Key: Hashable, Sendable {
        package let method: String
        package let peer: PeerIdentity
    }

    package internal(set) var calls: [Key: MethodFigures] = [:]
    package internal(set) var connections = 0
    package internal(set) var connectionsAccepted: UInt64 = 0
    /// Connections that ended before they had a peer: handshake, certificate, limit.
    package internal(set) var connectionsRefused: UInt64 = 0
    /// Calls that named no method of the server, and connections ended for what their peer did; by
    /// the runtime's own reasons. Refusals of methods are among their calls.
    package internal(set) var refusals: [String: UInt64] = [:]

    package init() {}

    mutating func merge(_ figures: [(Key, MethodFigures)]) {
        for (key, value) in figures { calls[key, default: MethodFigures()].merge(value) }
    }
}
