import Contracts
import Crypto
import Foundation
import SwiftProtobuf

/// People who can get in without the identity provider, as the primary has written them.
///
/// There are few (`BreakGlassRules.usersMax`), so whatever is looked for is looked for among all.
struct BreakGlassState: RecordState {
    /// User IDs of the directory are UUIDs: none begins like this.
    static let userIDPrefix = "break-glass/"
    static let decoysKey = "decoys"

    /// By user ID.
    private(set) var users: [String: PortalBreakGlassUserRecord] = [:]
    private(set) var decoyKey: Data?

    init() {}

    static func isBreakGlass(_ userID: String) -> Bool { userID.hasPrefix(userIDPrefix) }

    static func recordKey(_ userID: String) -> String {
        "user/\(userID.dropFirst(userIDPrefix.count))"
    }

    private static func userID(_ key: String) -> String? {
        key.hasPrefix("user/") ? userIDPrefix + key.dropFirst("user/".count) : nil
    }

    mutating func put(key: String, value: Data) throws {
        if key == Self.decoysKey {
            decoyKey = try PortalDecoyRecord(serializedBytes: value).key
        } else if let id = Self.userID(key) {
            users[id] = try PortalBreakGlassUserRecord(serializedBytes: value)
        }
    }

    mutating func remove(key: String) {
        if key == Self.decoysKey { decoyKey = nil }
        if let id = Self.userID(key) { users[id] = nil }
    }

    /// By ID, or by name without regard to case.
    func find(_ nameOrID: String) -> PortalBreakGlassUserRecord? {
        if let user = users[nameOrID] { return user }
        let name = nameOrID.lowercased()
        return users.values.first { $0.user.name.lowercased() == name }
    }

    /// The user who may still enrol a key with a code.
    func user(codeHash: Data, now: Int64) -> PortalBreakGlassUserRecord? {
        users.values.first { record in
            record.enrolments.contains { $0.codeHash == codeHash && $0.expiresAtUs > now }
        }
    }

    func isKnown(credentialID: Data) -> Bool {
        users.values.contains { $0.user.keys.contains { $0.credentialID == credentialID } }
    }

    /// In order of name, with what is computed.
    func listed(now: Int64) -> [PortalBreakGlassUser] {
        users.values.map { $0.described(now: now) }
            .sorted { ($0.name.lowercased(), $0.userID) < ($1.name.lowercased(), $1.userID) }
    }

    /// The credential IDs that a sign-in of this name asks for: the user's, or for a name without keys
    /// others that look alike and are the same every time, so that the answer tells nothing.
    func credentialIDs(for name: String, rpID: String) -> [Data] {
        let own = (find(name)?.user.keys ?? []).filter { $0.rpID == rpID }.map(\.credentialID)
        return own.isEmpty ? decoys(for: name.lowercased(), rpID) : own
    }

    private func decoys(for name: String, _ rpID: String) -> [Data] {
        let key = SymmetricKey(data: decoyKey ?? Data(repeating: 0, count: 32))
        func bytes(_ part: String) -> Data {
            Data(HMAC<SHA256>.authenticationCode(for: Data("\(part)\n\(name)".utf8), using: key))
        }
        let shapes = users.values.sorted { $0.user.userID < $1.user.userID }
            .map { $0.user.keys.filter { $0.rpID == rpID }.map(\.credentialID.count) }
            .filter { !$0.isEmpty }
        let choice = Int(bytes("shape").first ?? 0)
        let shape = shapes.isEmpty ? [64] : shapes[choice % shapes.count]
        return shape.enumerated().map { index, count in
            var id = Data()
            while id.count < count { id += bytes("credential \(index) \(id.count)") }
            return id.prefix(count)
        }
    }
}

extension PortalBreakGlassUserRecord {
    /// The user as operators see them.
    func described(now: Int64) -> PortalBreakGlassUser {
        var user = user
        user.openEnrolments = UInt32(enrolments.count { $0.expiresAtUs > now })
        return user
    }

    func change() throws -> RecordChange {
        RecordChange(
            key: BreakGlassState.recordKey(user.userID), value: try serializedBytes())
    }
}
