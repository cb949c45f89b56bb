import Contracts
import Foundation
import SwiftProtobuf

/// Sessions, revocations, used assertions, credential keys and emergency grants, of all Regions.
struct SessionState: RecordState {
    private(set) var sessions: [String: PortalSession] = [:]
    private(set) var revocations: [String: PortalRevocationRecord] = [:]
    /// Microseconds until which the hash of a used assertion is kept.
    private(set) var assertions: [String: Int64] = [:]
    private(set) var credentialKeys: [String: PortalCredentialKeyRecord] = [:]
    private(set) var grants = GrantState()
    private var sessionsByUser: [String: Set<String>] = [:]

    /// Role credentials outlive the session that they were taken in by so many microseconds at most
    /// (the longest session of a permission set). For as long a session can be revoked and stays so.
    static let credentialsOutlive: Int64 = 12 * 3_600 * 1_000_000

    init() {}

    mutating func put(key: String, value: Data) throws {
        let parts = Self.split(key)
        switch parts.kind {
        case "session":
            let session = try PortalSessionRecord(serializedBytes: value).session
            sessions[parts.id] = session
            sessionsByUser[session.userID, default: []].insert(parts.id)
        case "revocation":
            revocations[parts.id] = try PortalRevocationRecord(serializedBytes: value)
        case "assertion":
            assertions[parts.id] = try PortalAssertionRecord(serializedBytes: value).keepUntilUs
        case "credential-key":
            credentialKeys[parts.id] = try PortalCredentialKeyRecord(serializedBytes: value)
        default: try grants.put(kind: parts.kind, id: parts.id, value: value)
        }
    }

    mutating func remove(key: String) {
        let parts = Self.split(key)
        switch parts.kind {
        case "session":
            if let session = sessions.removeValue(forKey: parts.id) {
                sessionsByUser[session.userID]?.remove(parts.id)
                if sessionsByUser[session.userID]?.isEmpty == true {
                    sessionsByUser[session.userID] = nil
                }
            }
        case "revocation": revocations[parts.id] = nil
        case "assertion": assertions[parts.id] = nil
        case "credential-key": credentialKeys[parts.id] = nil
        default: grants.remove(kind: parts.kind, id: parts.id)
        }
    }

    /// A revocation wins over any copy of the session, however late that arrives.
    func isRevoked(_ id: String) -> Bool { revocations[id] != nil }

    /// What can still be used of a user: sessions, and credentials that were taken in them.
    func revocableSessions(of userID: String, now: Int64) -> [PortalSession] {
        (sessionsByUser[userID] ?? []).compactMap { sessions[$0] }
            .filter {
                $0.expiresAtUs + Self.credentialsOutlive > now && !isRevoked($0.sessionID)
            }
    }

    /// Whether a record has done its duty.
    func isOver(_ key: String, now: Int64) -> Bool {
        let parts = Self.split(key)
        switch parts.kind {
        case "session":
            guard let session = sessions[parts.id] else { return false }
            return session.expiresAtUs + Self.credentialsOutlive < now
        case "revocation": return (revocations[parts.id]?.keepUntilUs ?? .max) < now
        case "assertion": return (assertions[parts.id] ?? .max) < now
        default: return grants.isOver(kind: parts.kind, id: parts.id, now: now)
        }
    }

    private static func split(_ key: String) -> (kind: Substring, id: String) {
        let parts = key.split(separator: "/", maxSplits: 1)
        return (parts.first ?? "", parts.count > 1 ? String(parts[1]) : "")
    }
}
