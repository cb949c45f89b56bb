import Contracts
import Crypto
import Cryptography
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf
import Synchronization

/// Bearer tokens of SCIM clients. Only their hash is kept.
struct ScimTokenState: RecordState {
    private(set) var tokens: [String: PortalScimTokenRecord] = [:]
    private(set) var idsByHash: [Data: String] = [:]

    init() {}

    mutating func put(key: String, value: Data) throws {
        guard key.hasPrefix("token/") else { return }
        let record = try PortalScimTokenRecord(serializedBytes: value)
        remove(key: key)
        tokens[String(key.dropFirst("token/".count))] = record
        idsByHash[record.secretHash] = record.token.tokenID
    }

    mutating func remove(key: String) {
        guard let old = tokens.removeValue(forKey: String(key.dropFirst("token/".count))) else {
            return
        }
        idsByHash[old.secretHash] = nil
    }

    func live(now: Int64) -> [PortalScimToken] {
        tokens.values.map(\.token).filter { $0.expiresAtUs > now }
            .sorted { ($0.createdAtUs, $0.tokenID) < ($1.createdAtUs, $1.tokenID) }
    }
}

/// Makes, lists, deletes and recognises SCIM tokens.
final class ScimTokenDesk: Sendable {
    static let liveMax = 2
    private let log: any RecordLog<ScimTokenState>
    private let now: @Sendable () -> Date
    private let lastUsed = Mutex<[String: Int64]>([:])

    init(log: any RecordLog<ScimTokenState>, now: @escaping @Sendable () -> Date) {
        self.log = log
        self.now = now
    }

    /// A new token with its secret, which is not kept.
    ///
    /// Throws: INVALID_ARGUMENT VALID_DAYS, FAILED_PRECONDITION TOO_MANY_TOKENS, NOT_PRIMARY.
    func create(
        validDays: UInt32, events: [TrailEvent]
    ) async throws -> (token: PortalScimToken, secret: String) {
        guard validDays <= 365 else {
            throw RPCError(
                .invalidArgument, reason: "VALID_DAYS", message: "valid_days is at most 365.")
        }
        let start = now()
        let secret = Base64URL.encode(try Random.bytes(32))
        var record = PortalScimTokenRecord()
        record.token.tokenID = RandomID.make()
        record.token.createdAtUs = start.microseconds
        let days = Double(validDays == 0 ? 365 : validDays)
        record.token.expiresAtUs = start.addingTimeInterval(days * 86_400).microseconds
        record.secretHash = Self.hash(secret)
        let change = RecordChange(
            key: "token/\(record.token.tokenID)", value: try record.serializedBytes())
        _ = try await log.write { state in
            guard state.live(now: start.microseconds).count < Self.liveMax else {
                throw RPCError(
                    .failedPrecondition, reason: "TOO_MANY_TOKENS",
                    message: "Two SCIM tokens are live already; delete one first.")
            }
            return RecordWrite(changes: [change], events: events, exclusive: ["token-count"])
        }
        return (record.token, secret)
    }

    func list() throws -> [PortalScimToken] {
        let time = now().microseconds
        let used = lastUsed.withLock { $0 }
        return try log.read { $0.live(now: time) }.map { token in
            var token = token
            token.lastUsedAtUs = used[token.tokenID] ?? 0
            return token
        }
    }

    /// Throws: NOT_FOUND TOKEN_NOT_FOUND.
    func delete(_ id: String, events: [TrailEvent]) async throws {
        let key = "token/\(id)"
        _ = try await log.write { state in
            guard state.tokens[id] != nil else {
                throw RPCError(
                    .notFound, reason: "TOKEN_NOT_FOUND", message: "No SCIM token has that ID.")
            }
            return RecordWrite(changes: [RecordChange(key: key, value: nil)], events: events)
        }
    }

    /// The token of a bearer secret; nil when it is not one of ours or has expired.
    ///
    /// Looked up by hash, so that the time it takes says nothing about the secret.
    func recognise(_ secret: String) throws -> PortalScimToken? {
        guard secret.utf8.count <= 128 else { return nil }
        let hash = Self.hash(secret)
        let time = now().microseconds
        let token = try log.read { state in
            state.idsByHash[hash].flatMap { state.tokens[$0]?.token }
        }
        guard let token, token.expiresAtUs > time else { return nil }
        lastUsed.withLock { used in
            if used.count > 64 { used.removeAll() }
            used[token.tokenID] = time
        }
        return token
    }

    private static func hash(_ secret: String) -> Data {
        Data(Crypto.SHA256.hash(data: Data(secret.utf8)))
    }
}

/// SCIM tokens as operators reach them by RPC.
struct ScimTokenAdministration: PortalScimTokensHandler {
    let desk: ScimTokenDesk
    let configuration: RegionConfiguration

    func createScimToken(
        _ request: PortalCreateScimTokenRequest, context: ServerContext
    ) async throws -> PortalCreateScimTokenResponse {
        let made = try await desk.create(
            validDays: request.validDays, events: [event("CreateBearerToken", context)])
        var answer = PortalCreateScimTokenResponse()
        answer.token = made.token
        answer.secret = made.secret
        answer.endpoint = configuration.portalURL + "/scim/v2"
        return answer
    }

    func listScimTokens(
        _ request: PortalListScimTokensRequest, context: ServerContext
    ) async throws -> PortalListScimTokensResponse {
        var answer = PortalListScimTokensResponse()
        answer.tokens = try desk.list()
        return answer
    }

    func deleteScimToken(
        _ request: PortalDeleteScimTokenRequest, context: ServerContext
    ) async throws -> PortalDeleteScimTokenResponse {
        try await desk.delete(request.tokenID, events: [event("DeleteBearerToken", context)])
        return PortalDeleteScimTokenResponse()
    }

    private func event(_ name: String, _ context: ServerContext) -> TrailEvent {
        TrailEvent(
            name: name, source: "sso-directory.amazonaws.com",
            actor: context.actor(
                accountID: configuration.accountID, region: configuration.region))
    }
}
