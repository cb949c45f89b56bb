import Foundation
import Synchronization

/// How many refusals of strangers are written to the trail: a burst of 100, then 10 a second.
///
/// Anybody on the Internet can cause refusals; without a limit they could fill the disk. Those over
/// the limit are counted in the log instead.
final class RefusalBudget: Sendable {
    private static let burst = 100.0
    private static let perSecond = 10.0
    private let state = Mutex((tokens: burst, at: Date.distantPast))

    func take(now: Date) -> Bool {
        state.withLock { state in
            let elapsed = max(0, now.timeIntervalSince(state.at))
            state.tokens = min(Self.burst, state.tokens + elapsed * Self.perSecond)
            state.at = now
            guard state.tokens >= 1 else { return false }
            state.tokens -= 1
            return true
        }
    }
}
