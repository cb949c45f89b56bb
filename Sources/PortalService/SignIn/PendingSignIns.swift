import Cryptography
import Foundation
import ServiceKit
import Synchronization

/// Sign-ins that are under way, bounded in number and age. Each belongs to the browser that began
/// it and ends once.
final class PendingSignIns: Sendable {
    static let lifetime: TimeInterval = 600
    static let countMax = 50_000
    /// How long a sign-in may take before it looks as if it had failed.
    static let patience: TimeInterval = 5

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
        /// The newest of each browser.
        var byBrowser: [String: String] = [:]
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
            workflowID: RandomID.make(), beganAt: now)
        state.withLock { state in
            Self.expire(&state, now: now)
            state.byHandle[pending.handle] = pending
            state.byBrowser[pending.browserHash] = pending.handle
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

    /// Whether this browser's last sign-in was begun a while ago and has led nowhere. Several tabs that
    /// open at once are no reason to think so.
    func isUnfinished(browserSecret: String, now: Date) -> Bool {
        let hash = hexHash(browserSecret)
        return state.withLock { state in
            guard let last = state.byBrowser[hash].flatMap({ state.byHandle[$0] }) else {
                return false
            }
            return (Self.patience..<Self.lifetime).contains(now.timeIntervalSince(last.beganAt))
        }
    }

    func finish(_ pending: Pending) {
        state.withLock { Self.remove(pending, from: &$0) }
    }

    private static func remove(_ pending: Pending, from state: inout State) {
        state.byHandle[pending.handle] = nil
        if state.byBrowser[pending.browserHash] == pending.handle {
            state.byBrowser[pending.browserHash] = nil
        }
    }

    static func randomHex(_ bytes: Int) throws -> String {
        try Random.bytes(bytes).hexadecimal
    }

    private static func expire(_ state: inout State, now: Date) {
        while state.firstLive < state.order.count {
            let handle = state.order[state.firstLive]
            let pending = state.byHandle[handle]
            let isOld = pending.map { now.timeIntervalSince($0.beganAt) >= lifetime } ?? true
            guard isOld || state.byHandle.count >= countMax else { break }
            if let pending { remove(pending, from: &state) }
            state.firstLive += 1
        }
        if state.firstLive > 1_024, state.firstLive * 2 > state.order.count {
            state.order.removeFirst(state.firstLive)
            state.firstLive = 0
        }
    }
}
