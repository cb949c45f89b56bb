import Cryptography
import Foundation
import Synchronization

/// Sign-ins that are under way, bounded in number and age. Each belongs to the browser that began
/// it and ends once.
final class PendingSignIns: Sendable {
    static let lifetime: TimeInterval = 600
    static let countMax = 50_000

    struct Pending: Sendable {
        /// ID of the AuthnRequest.
        let requestID: String
        /// Opaque; travels as RelayState.
        let handle: String
        let browserHash: String
        let returnPath: LocalPath
        let workflowID: String
        let beganAt: Date
    }

    private struct State {
        var byHandle: [String: Pending] = [:]
        /// In order of age.
        var order: [String] = []
        var firstLive = 0
    }

    private let state = Mutex(State())

    /// Stores a sign-in. `browserSecret` is the value of the browser's sign-in cookie.
    func begin(returnPath: LocalPath, browserSecret: String, now: Date) throws -> Pending {
        let pending = Pending(
            requestID: "_" + (try Self.randomHex(20)), handle: try Self.randomHex(20),
            browserHash: hexHash(browserSecret), returnPath: returnPath,
            workflowID: UUID().uuidString.lowercased(), beganAt: now)
        state.withLock { state in
            Self.expire(&state, now: now)
            state.byHandle[pending.handle] = pending
            state.order.append(pending.handle)
        }
        return pending
    }

    /// The sign-in of a handle, if this browser began it and it is not too old.
    func find(handle: String, browserSecret: String?, now: Date) -> Pending? {
        guard let browserSecret else { return nil }
        let hash = hexHash(browserSecret)
        return state.withLock { state in
            guard let pending = state.byHandle[handle], pending.browserHash == hash,
                now.timeIntervalSince(pending.beganAt) < Self.lifetime
            else { return nil }
            return pending
        }
    }

    func finish(_ pending: Pending) {
        state.withLock { _ = $0.byHandle.removeValue(forKey: pending.handle) }
    }

    static func randomHex(_ bytes: Int) throws -> String {
        try Random.bytes(bytes).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    private static func expire(_ state: inout State, now: Date) {
        while state.firstLive < state.order.count {
            let handle = state.order[state.firstLive]
            let pending = state.byHandle[handle]
            let isOld = pending.map { now.timeIntervalSince($0.beganAt) >= lifetime } ?? true
            guard isOld || state.byHandle.count >= countMax else { break }
            state.byHandle[handle] = nil
            state.firstLive += 1
        }
        if state.firstLive > 1_024, state.firstLive * 2 > state.order.count {
            state.order.removeFirst(state.firstLive)
            state.firstLive = 0
        }
    }
}
