import Contracts
import Logging
import NIOCore
import RPC
import ReplicatedState
import Synchronization

/// Answers the methods of portolan.directory.v1.
///
/// Reads: `DirectoryServer+Reads`. Writes: `Users`, `Groups`, `Memberships`.
final class DirectoryServer: DirectoryHandler {
    static let domain = DomainBinding("directory", .control)
    static let eventSource = "identitystore.amazonaws.com"

    let replica: DomainReplica<DirectoryState>
    let writer: DomainWriter<DirectoryState>
    let audit: WriteAudit
    /// Set when a graceful stop has begun: streams without end are to end.
    let isStopping = Atomic(false)

    init(
        replica: DomainReplica<DirectoryState>, writer: DomainWriter<DirectoryState>,
        audit: WriteAudit
    ) {
        self.replica = replica
        self.writer = writer
        self.audit = audit
    }

    /// Waits for a position, then reads.
    func read<Result: Sendable>(
        atLeast position: LogPosition, _ context: ServerContext,
        _ body: @Sendable (DirectoryState) throws -> Result
    ) async throws -> Result {
        try await replica.wait(for: position, until: context.deadline)
        return try replica.read(body)
    }

    /// What every event of a write says first.
    var storeParameters: [String: any Sendable] {
        ["identityStoreId": replica.instance.current?.instance.identityStoreID ?? ""]
    }
}

/// The errors of the directory.
extension RPCError {
    static func userNotFound(_ id: String) -> RPCError {
        RPCError(
            .notFound, reason: "USER_NOT_FOUND", message: "There is no such user.",
            metadata: ["user-id": String(id.prefix(64))])
    }

    static func groupNotFound(_ id: String) -> RPCError {
        RPCError(
            .notFound, reason: "GROUP_NOT_FOUND", message: "There is no such group.",
            metadata: ["group-id": String(id.prefix(64))])
    }

    static func membershipNotFound(_ id: String) -> RPCError {
        RPCError(
            .notFound, reason: "MEMBERSHIP_NOT_FOUND", message: "There is no such membership.",
            metadata: ["membership-id": String(id.prefix(64))])
    }

    static func membershipExists(_ id: Identifier) -> RPCError {
        RPCError(
            .alreadyExists, reason: "MEMBERSHIP_EXISTS",
            message: "The user is a member of the group already.",
            metadata: ["membership-id": id.text])
    }

    static func taken(_ reason: String, _ what: String, by id: Identifier, _ name: String)
        -> RPCError
    {
        RPCError(
            .alreadyExists, reason: reason, message: "This \(what) is in use already.",
            metadata: [name: id.text])
    }

    static func versionChanged(_ version: UInt64) -> RPCError {
        RPCError(
            .aborted, reason: "VERSION_CHANGED",
            message: "The record was changed in the meantime; it has version \(version) now.",
            metadata: ["version": "\(version)"])
    }
}
