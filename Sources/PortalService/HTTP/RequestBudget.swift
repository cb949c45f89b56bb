import Foundation
import Synchronization

/// So many requests a second for each key (an address, a client), after a burst.
///
/// Holds 10,000 keys at most; budgets that are whole again are forgotten first, which changes nothing for
/// them.
final class RequestBudget: Sendable {
    private static let keysMax = 10_000
    private let perSecond: Double
    private let burst: Double
    private let limit: LimitCounts.Limit
    private let counts: LimitCounts
    private let held = Mutex<[String: (tokens: Double, at: Date)]>([:])

    /// - Parameters:
    ///   - burst: of who has not asked for a while; as many as in a second by default.
    ///   - counts: what is over the limit is counted here.
    init(
        perSecond: Double, burst: Double? = nil, _ limit: LimitCounts.Limit, _ counts: LimitCounts
    ) {
        self.perSecond = perSecond
        self.burst = burst ?? perSecond
        self.limit = limit
        self.counts = counts
    }

    /// How many refusals of strangers are written to the trail. Anybody on the Internet can cause them;
    /// without a limit they could fill the disk. Those over the limit are counted instead.
    static func ofRefusals(_ counts: LimitCounts) -> RequestBudget {
        RequestBudget(perSecond: 10, burst: 100, .recordedRefusals, counts)
    }

    /// Without a key the budget is everybody's.
    func take(_ key: String = "", now: Date) -> Bool {
        let isGranted = held.withLock { held in
            let known = held[key] ?? (burst, now)
            let elapsed = max(0, now.timeIntervalSince(known.at))
            var tokens = min(burst, known.tokens + elapsed * perSecond)
            let isGranted = tokens >= 1
            if isGranted { tokens -= 1 }
            if held.count >= Self.keysMax, held[key] == nil { forget(&held, now) }
            held[key] = (tokens, now)
            return isGranted
        }
        if !isGranted { counts.add(limit) }
        return isGranted
    }

    /// Who has not asked for so long has a whole budget again. A crowd that leaves none of those is
    /// forgotten as well: memory is bounded, whatever comes.
    private func forget(_ held: inout [String: (tokens: Double, at: Date)], _ now: Date) {
        held = held.filter { now.timeIntervalSince($0.value.at) < burst / perSecond }
        if held.count >= Self.keysMax { held.removeAll() }
    }
}

/// The network that counts as one source.
enum Network {
    /// An IPv4 address itself; of an IPv6 address the first 64 bits, which is what one subscriber has.
    static func of(_ address: String) -> String {
        var bytes = in6_addr()
        guard address.contains(":"), inet_pton(AF_INET6, address, &bytes) == 1 else {
            return address
        }
        return withUnsafeBytes(of: bytes) { bytes in
            // An IPv4 address in the notation of IPv6 is one all the same.
            let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF
            return (isMapped ? bytes[...] : bytes[..<8]).map { String($0, radix: 16) }
                .joined(separator: ":")
        }
    }
}
