import Contracts
import Crypto
import Cryptography
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf
import WebAuthn

/// Makes, changes and removes break-glass users and their keys. All of it is written in the primary.
struct BreakGlassDesk: Sendable {
    let log: any RecordLog<BreakGlassState>
    /// https URL of this portal, where keys are enrolled.
    let portalURL: String
    let now: @Sendable () -> Date

    /// Why a key cannot be enrolled.
    enum Refusal: Error, Equatable {
        /// Unknown, used or too old.
        case code
        case tooManyKeys
        case keyKnown
    }

    /// Whether somebody could get in this way: the entry is shown then. Harmless when it is not known.
    var isOffered: Bool { (try? log.read { !$0.users.isEmpty }) ?? false }

    /// Throws: `PortalFailure` BREAK_GLASS_NOT_OFFERED; what the state says while it cannot be read.
    func requireOffered() throws {
        guard try log.read({ !$0.users.isEmpty }) else { throw PortalFailure.emergencyNotOffered }
    }

    func list() throws -> [PortalBreakGlassUser] {
        let time = now().microseconds
        return try log.read { $0.listed(now: time) }
    }

    /// Throws: ALREADY_EXISTS BREAK_GLASS_USER_EXISTS; RESOURCE_EXHAUSTED
    /// TOO_MANY_BREAK_GLASS_USERS; INVALID_ARGUMENT; NOT_PRIMARY.
    func create(
        _ user: PortalBreakGlassUser, enrolments: Int, issuedBy: String,
        event: @escaping @Sendable (PortalBreakGlassUser) -> TrailEvent
    ) async throws -> (user: PortalBreakGlassUser, enrolments: [PortalSecurityKeyEnrolment]) {
        guard (0...BreakGlassRules.enrolmentsMax).contains(enrolments) else {
            throw BreakGlassRules.invalid(
                "ENROLMENTS", "At most \(BreakGlassRules.enrolmentsMax) links are made.")
        }
        var user = user
        if user.maxGrantSeconds == 0 { user.maxGrantSeconds = BreakGlassRules.defaultGrantSeconds }
        try BreakGlassRules.check(user)
        user.userID = BreakGlassState.userIDPrefix + RandomID.make()
        user.enabled = true
        user.createdAtUs = now().microseconds
        user.createdBy = issuedBy
        let links = try (0..<enrolments).map { _ in try link(issuedBy: issuedBy) }
        var record = PortalBreakGlassUserRecord()
        record.user = user
        record.enrolments = links.map(\.record)
        var decoys = PortalDecoyRecord()
        decoys.key = Data(try Random.bytes(32))
        let made = try (record.change(), decoys.serializedBytes() as Data)
        let (added, described) = (record, record.described(now: user.createdAtUs))
        _ = try await log.write { state in
            guard state.find(added.user.name) == nil else {
                throw RPCError(
                    .alreadyExists, reason: "BREAK_GLASS_USER_EXISTS",
                    message: "There is a break-glass user of that name.")
            }
            guard state.users.count < BreakGlassRules.usersMax else {
                throw RPCError(
                    .resourceExhausted, reason: "TOO_MANY_BREAK_GLASS_USERS",
                    message: "There are \(BreakGlassRules.usersMax) break-glass users already.")
            }
            var changes = [made.0]
            if state.decoyKey == nil {
                changes.append(RecordChange(key: BreakGlassState.decoysKey, value: made.1))
            }
            return RecordWrite(
                changes: changes, events: [event(added.user)], exclusive: ["break-glass-users"])
        }
        return (described, links.map(\.link))
    }

    /// Changes a user by name or ID.
    ///
    /// Throws: NOT_FOUND BREAK_GLASS_USER_NOT_FOUND; INVALID_ARGUMENT; NOT_PRIMARY.
    func update(
        _ nameOrID: String,
        event: @escaping @Sendable (PortalBreakGlassUser) -> TrailEvent,
        change: @escaping @Sendable (inout PortalBreakGlassUserRecord) throws -> Void
    ) async throws -> PortalBreakGlassUser {
        _ = try await log.write { state in
            guard var record = state.find(nameOrID) else { throw BreakGlassRules.noUser }
            try change(&record)
            try BreakGlassRules.check(record.user)
            return RecordWrite(changes: [try record.change()], events: [event(record.user)])
        }
        let time = now().microseconds
        guard let record = try log.read({ $0.find(nameOrID) }) else { throw BreakGlassRules.noUser }
        return record.described(now: time)
    }

    func delete(
        _ nameOrID: String, event: @escaping @Sendable (PortalBreakGlassUser) -> TrailEvent
    ) async throws {
        _ = try await log.write { state in
            guard let record = state.find(nameOrID) else { throw BreakGlassRules.noUser }
            let key = BreakGlassState.recordKey(record.user.userID)
            return RecordWrite(
                changes: [RecordChange(key: key, value: nil)], events: [event(record.user)],
                exclusive: ["break-glass-users"])
        }
    }

    /// A link for one more key. Links that are too old make room.
    ///
    /// Throws: FAILED_PRECONDITION TOO_MANY_ENROLMENTS, TOO_MANY_KEYS.
    func enrol(
        _ nameOrID: String, issuedBy: String,
        event: @escaping @Sendable (PortalBreakGlassUser) -> TrailEvent
    ) async throws -> PortalSecurityKeyEnrolment {
        let (made, time) = (try link(issuedBy: issuedBy), now().microseconds)
        _ = try await update(nameOrID, event: event) { record in
            record.enrolments.removeAll { $0.expiresAtUs <= time }
            guard record.enrolments.count < BreakGlassRules.enrolmentsMax else {
                throw RPCError(
                    .failedPrecondition, reason: "TOO_MANY_ENROLMENTS",
                    message: "\(BreakGlassRules.enrolmentsMax) links can be used already.")
            }
            guard record.user.keys.count < BreakGlassRules.keysMax else {
                throw RPCError(
                    .failedPrecondition, reason: "TOO_MANY_KEYS",
                    message: "The user has \(BreakGlassRules.keysMax) keys; remove one first.")
            }
            record.enrolments.append(made.record)
        }
        return made.link
    }

    /// Whose code it is; nil when it is unknown, used or too old. Looked up by hash, so that the time it
    /// takes says nothing about the code.
    func user(code: String) throws -> PortalBreakGlassUser? {
        guard let hash = Self.hash(code) else { return nil }
        let time = now().microseconds
        return try log.read { $0.user(codeHash: hash, now: time)?.user }
    }

    /// Takes a key on and uses up the code.
    ///
    /// Throws `Refusal`; NOT_PRIMARY.
    func add(
        _ key: RegisteredKey, rpID: String, code: String,
        event: @escaping @Sendable (PortalBreakGlassUser, PortalSecurityKey) -> TrailEvent
    ) async throws {
        guard let hash = Self.hash(code) else { throw Refusal.code }
        let time = now().microseconds
        _ = try await log.write { state in
            guard var record = state.user(codeHash: hash, now: time),
                let used = record.enrolments.first(where: { $0.codeHash == hash })
            else { throw Refusal.code }
            guard record.user.keys.count < BreakGlassRules.keysMax else {
                throw Refusal.tooManyKeys
            }
            let added = PortalSecurityKey(
                key, rpID: rpID, createdAtUs: time, enrolledBy: used.issuedBy)
            guard !state.isKnown(credentialID: added.credentialID) else { throw Refusal.keyKnown }
            record.enrolments.removeAll { $0.codeHash == hash || $0.expiresAtUs <= time }
            record.user.keys.append(added)
            return RecordWrite(
                changes: [try record.change()], events: [event(record.user, added)],
                exclusive: ["security-key/\(hexHash(bytes: key.credentialID))"])
        }
    }

    private func link(
        issuedBy: String
    ) throws -> (record: PortalEnrolmentRecord, link: PortalSecurityKeyEnrolment) {
        let code = Base64URL.encode(try Random.bytes(32))
        var record = PortalEnrolmentRecord()
        record.codeHash = Self.hash(code) ?? Data()
        record.expiresAtUs =
            now().addingTimeInterval(Double(BreakGlassRules.enrolmentSeconds))
            .microseconds
        record.issuedBy = issuedBy
        var link = PortalSecurityKeyEnrolment()
        link.url = "\(portalURL)/break-glass/enrol#\(code)"
        link.expiresAtUs = record.expiresAtUs
        return (record, link)
    }

    /// Nil for what is no code.
    private static func hash(_ code: String) -> Data? {
        guard code.utf8.count == 43 else { return nil }
        return Data(Crypto.SHA256.hash(data: Data(code.utf8)))
    }
}

extension PortalSecurityKey {
    fileprivate init(
        _ key: RegisteredKey, rpID: String, createdAtUs: Int64, enrolledBy: String
    ) {
        self.init()
        credentialID = Data(key.credentialID)
        algorithm = key.algorithm.rawValue
        publicKey = Data(key.publicKey)
        signCount = key.signCount
        self.rpID = rpID
        aaguid = Data(key.aaguid)
        self.createdAtUs = createdAtUs
        self.enrolledBy = enrolledBy
    }
}
