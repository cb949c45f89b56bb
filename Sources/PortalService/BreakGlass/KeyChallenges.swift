import Cryptography
import Foundation
import Synchronization

/// Limits of challenges that are under way.
enum KeyChallengeLimits {
    static let lifetime: TimeInterval = 120
    static let countMax = 10_000
}

/// Challenges that security keys are to sign: 32 random bytes each, for one browser, once, for two
/// minutes. Bounded in number; the oldest make room.
final class KeyChallenges<Payload: Sendable>: Sendable {
    struct Pending: Sendable {
        /// Names it in the form.
        let handle: String
        /// In base64url, as browsers write it.
        let challenge: String
        let payload: Payload
        fileprivate let browserHash: String
        fileprivate let beganAt: Date
    }

    private struct State {
        var byHandle: [String: Pending] = [:]
        /// In order of age.
        var order: [String] = []
    }

    private let state = Mutex(State())

    /// - Parameter browserSecret: the value of the browser's cookie.
    func begin(_ payload: Payload, browserSecret: String, now: Date) throws -> Pending {
        let pending = Pending(
            handle: try PendingSignIns.randomHex(20),
            challenge: Base64URL.encode(try Random.bytes(32)), payload: payload,
            browserHash: hexHash(browserSecret), beganAt: now)
        state.withLock { state in
            Self.makeRoom(&state, now)
            state.byHandle[pending.handle] = pending
            state.order.append(pending.handle)
        }
        return pending
    }

    /// The challenge of a handle, which is over with this, whatever comes of it; nil when it is unknown,
    /// used, too old or another browser's.
    func take(handle: String, browserSecret: String?, now: Date) -> Pending? {
        guard let pending = state.withLock({ $0.byHandle.removeValue(forKey: handle) }),
            let browserSecret, pending.browserHash == hexHash(browserSecret),
            now.timeIntervalSince(pending.beganAt) < KeyChallengeLimits.lifetime
        else { return nil }
        return pending
    }

    private static func makeRoom(_ state: inout State, _ now: Date) {
        let isOver: (String) -> Bool = { handle in
            state.byHandle[handle].map {
                now.timeIntervalSince($0.beganAt) >= KeyChallengeLimits.lifetime
            } ?? true
        }
        var gone = state.order.prefix(while: isOver).count
        if gone == 0, state.order.count >= KeyChallengeLimits.countMax { gone = 1 }
        for handle in state.order.prefix(gone) { state.byHandle[handle] = nil }
        state.order.removeFirst(gone)
    }
}
