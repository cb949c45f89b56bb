import RPC
import Synchronization

/// Holds back control appends of services for a moment, without refusing them.
///
/// While a promotion is handed over, so that the successor has all that was acknowledged; and at a
/// start, until the other Regions have been asked whether a later primary is known there. It makes
/// both smoother; what makes them correct is the epoch, checked in the transaction that writes.
final class WriteHold: Sendable {
    enum Reason: Hashable, Sendable {
        case start
        case promotion
    }

    /// Longest time that an append is held back.
    static let timeMax = Duration.seconds(15)

    private let reasons = Mutex<Set<Reason>>([])

    func hold(_ reason: Reason) { reasons.withLock { _ = $0.insert(reason) } }

    func release(_ reason: Reason) { reasons.withLock { _ = $0.remove(reason) } }

    var isHeld: Bool { reasons.withLock { !$0.isEmpty } }

    /// Returns when nothing holds appends back any more.
    ///
    /// Throws: UNAVAILABLE PROMOTION_UNDER_WAY after `timeMax`.
    func pass() async throws {
        guard isHeld else { return }
        let end = ContinuousClock.now + Self.timeMax
        while isHeld {
            guard .now < end else {
                throw RPCError(
                    .unavailable, reason: "PROMOTION_UNDER_WAY",
                    message: "The primary is just being changed or confirmed; try again.")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
