import Contracts
import RPC

/// What happened between two answers of a service with its figures.
struct CallRates: Encodable, Equatable {
    struct Row: Encodable, Equatable {
        let service: String
        let method: String
        let peer: String
        let callsPerSecond: Double
        let failuresPerSecond: Double
        let inFlight: UInt64
        /// Of the calls in between; negative when there was none.
        let p50Microseconds: Int64
        let p99Microseconds: Int64
        let requestBytesPerSecond: Double
        let responseBytesPerSecond: Double
    }

    private struct Key: Hashable {
        let method: String
        let peer: String
    }

    let rows: [Row]

    /// Rows of methods that were called or are under way, busiest first. A process that was started
    /// in between counts from zero.
    init(
        service: String, from before: MonitoringGetFiguresResponse?,
        to now: MonitoringGetFiguresResponse
    ) {
        let isSame = before?.process == now.process
        let earlier = Dictionary(
            (isSame ? before?.calls ?? [] : []).map {
                (Key(method: $0.method, peer: $0.peer), $0)
            }, uniquingKeysWith: { $1 })
        let elapsed = isSame ? Double(now.takenAtUs - (before?.takenAtUs ?? 0)) / 1e6 : 0
        rows = now.calls.compactMap { figures in
            Self.row(
                service, figures, earlier[Key(method: figures.method, peer: figures.peer)],
                seconds: elapsed)
        }.sorted {
            ($1.callsPerSecond, $0.method, $0.peer) < ($0.callsPerSecond, $1.method, $1.peer)
        }
    }

    private static func row(
        _ service: String, _ now: MonitoringCallFigures, _ before: MonitoringCallFigures?,
        seconds: Double
    ) -> Row? {
        let calls = sum(now.byStatus) &- sum(before?.byStatus ?? [])
        let successes = (now.byStatus.first ?? 0) &- (before?.byStatus.first ?? 0)
        guard seconds > 0, calls > 0 || now.inFlight > 0 else { return nil }
        let buckets = difference(now.latencyBuckets, before?.latencyBuckets ?? [])
        func rate(_ count: UInt64) -> Double { Double(count) / seconds }
        return Row(
            service: service, method: now.method, peer: now.peer, callsPerSecond: rate(calls),
            failuresPerSecond: rate(calls - min(calls, successes)), inFlight: now.inFlight,
            p50Microseconds: quantile(0.5, buckets), p99Microseconds: quantile(0.99, buckets),
            requestBytesPerSecond: rate(now.requestBytes &- (before?.requestBytes ?? 0)),
            responseBytesPerSecond: rate(now.responseBytes &- (before?.responseBytes ?? 0)))
    }

    private static func sum(_ counts: [UInt64]) -> UInt64 { counts.reduce(0, &+) }

    private static func difference(_ now: [UInt64], _ before: [UInt64]) -> [UInt64] {
        now.enumerated().map { index, count in
            index < before.count ? count &- before[index] : count
        }
    }

    /// The upper bound of the bucket in which the quantile lies; -1 without a call.
    static func quantile(_ share: Double, _ buckets: [UInt64]) -> Int64 {
        let total = sum(buckets)
        guard total > 0 else { return -1 }
        let rank = max(1, UInt64((Double(total) * share).rounded(.up)))
        var seen: UInt64 = 0
        for (bucket, count) in buckets.enumerated() {
            seen += count
            if seen >= rank { return Int64(LatencyHistogram.bound(bucket) * 1e6) }
        }
        return -1
    }
}
