import Foundation
import Synchronization

/// Sign-ins of devices without a browser (RFC 8628), until somebody has agreed in one. Held by the
/// process that the device asked.
final class DeviceRequests: Sendable {
    static let lifetime: TimeInterval = 600
    /// Seconds between two questions of a device.
    static let interval = 1
    private static let countMax = 10_000
    /// That wait for one client, and for one network.
    private static let waitingMax = 50
    /// Letters that do not form words and are not mistaken for each other (RFC 8628, section 6.1).
    private static let letters = Array("BCDFGHJKLMNPQRSTVWXZ")

    enum Decision: Sendable {
        case pending
        case allowed(OAuthGrant)
        case denied
    }

    struct Pending: Sendable {
        let deviceCode: String
        let userCode: String
        let client: OAuthClients.Client
        let sourceAddress: String
        let beganAt: Date
        fileprivate(set) var decision = Decision.pending
        fileprivate var askedAt: Date?
    }

    private struct State {
        var byUserCode: [String: Pending] = [:]
        var userCodes: [String: String] = [:]
    }

    private let state = Mutex(State())

    /// Throws: `OAuthRefusal` SlowDownException when too many wait: nobody else's is given up for it.
    func begin(
        _ client: OAuthClients.Client, from sourceAddress: String, now: Date
    ) throws -> Pending {
        let deviceCode = try PendingSignIns.randomHex(32)
        return try state.withLock { state in
            if state.byUserCode.count >= Self.countMax { Self.expire(&state, now) }
            let network = Network.of(sourceAddress)
            let alike = state.byUserCode.values.filter {
                Self.isLive($0, now)
                    && ($0.client.hash == client.hash
                        || Network.of($0.sourceAddress) == network)
            }
            guard state.byUserCode.count < Self.countMax, alike.count < Self.waitingMax else {
                throw OAuthRefusal(.slowDown, "Too many sign-ins are waiting for an answer.")
            }
            var userCode = Self.randomCode()
            while state.byUserCode[userCode] != nil { userCode = Self.randomCode() }
            let pending = Pending(
                deviceCode: deviceCode, userCode: userCode, client: client,
                sourceAddress: sourceAddress, beganAt: now)
            state.byUserCode[userCode] = pending
            state.userCodes[deviceCode] = userCode
            return pending
        }
    }

    private static func randomCode() -> String {
        var generator = SystemRandomNumberGenerator()
        let code = (0..<8).map { _ in
            letters[Int.random(in: 0..<letters.count, using: &generator)]
        }
        return "\(String(code[..<4]))-\(String(code[4...]))"
    }

    /// The sign-in that somebody's code names, if nobody has decided about it yet. Letters in either
    /// case, with or without the hyphen.
    func find(userCode: String, now: Date) -> Pending? {
        let code = Self.normalized(userCode)
        return state.withLock { state in
            guard let pending = state.byUserCode[code], Self.isLive(pending, now),
                case .pending = pending.decision
            else { return nil }
            return pending
        }
    }

    /// False when there is nothing to decide (any more).
    func decide(userCode: String, _ decision: Decision, now: Date) -> Bool {
        let code = Self.normalized(userCode)
        return state.withLock { state in
            guard var pending = state.byUserCode[code], Self.isLive(pending, now),
                case .pending = pending.decision
            else { return false }
            pending.decision = decision
            state.byUserCode[code] = pending
            return true
        }
    }

    /// What the device gets to know. What was allowed is told once.
    ///
    /// Throws: `OAuthRefusal`.
    func poll(deviceCode: String, client: OAuthClients.Client, now: Date) throws -> OAuthGrant {
        try state.withLock { state in
            guard let code = state.userCodes[deviceCode], var pending = state.byUserCode[code],
                pending.client.hash == client.hash, pending.deviceCode == deviceCode
            else { throw OAuthRefusal(.invalidGrant, "The device code is not known here.") }
            guard Self.isLive(pending, now) else {
                Self.remove(&state, pending)
                throw OAuthRefusal(.expiredToken, "Nobody agreed in time. Please start again.")
            }
            switch pending.decision {
            case .allowed(let grant):
                Self.remove(&state, pending)
                return grant
            case .denied:
                Self.remove(&state, pending)
                throw OAuthRefusal(.accessDenied, "The sign-in was refused in the browser.")
            case .pending:
                let isHasty =
                    pending.askedAt.map {
                        now.timeIntervalSince($0) < Double(Self.interval) / 2
                    } ?? false
                pending.askedAt = now
                state.byUserCode[code] = pending
                throw isHasty
                    ? OAuthRefusal(.slowDown, "Ask every \(Self.interval) seconds.")
                    : OAuthRefusal(.authorizationPending, "Authorization is still pending")
            }
        }
    }

    /// Gives back what could not be used: the tokens could not be made, and the device asks again.
    func giveBack(_ grant: OAuthGrant, deviceCode: String, client: OAuthClients.Client, now: Date) {
        state.withLock { state in
            guard state.userCodes[deviceCode] == nil else { return }
            let code = Self.randomCode()
            guard state.byUserCode[code] == nil, state.byUserCode.count < Self.countMax else {
                return
            }
            state.byUserCode[code] = Pending(
                deviceCode: deviceCode, userCode: code, client: client, sourceAddress: "",
                beganAt: now.addingTimeInterval(60 - Self.lifetime), decision: .allowed(grant))
            state.userCodes[deviceCode] = code
        }
    }

    private static func normalized(_ code: String) -> String {
        let letters = code.uppercased().filter { self.letters.contains($0) }
        return "\(letters.prefix(4))-\(letters.dropFirst(4))"
    }

    private static func isLive(_ pending: Pending, _ now: Date) -> Bool {
        now.timeIntervalSince(pending.beganAt) < lifetime
    }

    private static func remove(_ state: inout State, _ pending: Pending) {
        state.byUserCode[pending.userCode] = nil
        state.userCodes[pending.deviceCode] = nil
    }

    private static func expire(_ state: inout State, _ now: Date) {
        for pending in Array(state.byUserCode.values) where !isLive(pending, now) {
            remove(&state, pending)
        }
    }
}
