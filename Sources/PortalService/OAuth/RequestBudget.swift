import Foundation
import Synchronization

/// So many requests a second for each key (an address, a client), with a burst of as many.
///
/// Holds 10,000 keys at most; the fullest budgets are forgotten first, which changes nothing for them.
final class RequestBudget: Sendable {
    private static let keysMax = 10_000
    private let perSecond: Double
    private let held = Mutex<[String: (tokens: Double, at: Date)]>([:])

    init(perSecond: Double) { self.perSecond = perSecond }

    func take(_ key: String, now: Date) -> Bool {
        held.withLock { held in
            let known = held[key] ?? (perSecond, now)
            let elapsed = max(0, now.timeIntervalSince(known.at))
            var tokens = min(perSecond, known.tokens + elapsed * perSecond)
            let isGranted = tokens >= 1
            if isGranted { tokens -= 1 }
            if held.count >= Self.keysMax, held[key] == nil { forget(&held, now) }
            held[key] = (tokens, now)
            return isGranted
        }
    }

    /// Who has not asked for a second has a whole budget again. A crowd that leaves none of those is
    /// forgotten as well: memory is bounded, whatever comes.
    private func forget(_ held: inout [String: (tokens: Double, at: Date)], _ now: Date) {
        held = held.filter { now.timeIntervalSince($0.value.at) < 1 }
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
