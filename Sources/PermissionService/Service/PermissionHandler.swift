import Contracts
import RPC
import ReplicatedState
import SwiftProtobuf

/// Answers the methods of portolan.permission.v1; one extension per noun.
struct PermissionHandler: PermissionsHandler {
    let region: String
    let replica: DomainReplica<PermissionState>
    /// Writes the control stream.
    let permissions: DomainWriter<PermissionState>
    /// Writes this Region's own stream.
    let applications: DomainWriter<PermissionState>
    let audit: WriteAudit
    let directory: DirectoryClient
    let watch: DirectoryWatch

    /// The instance. Throws REGION_NOT_ENABLED without one.
    func instance() throws -> CoordinatorInstance {
        guard let instance = replica.instance.current?.instance else {
            throw RPCError(
                .failedPrecondition, reason: "REGION_NOT_ENABLED",
                message: "This Region holds no instance.")
        }
        return instance
    }

    /// Reads once the demanded position is there.
    func read<Result: Sendable>(
        _ position: LogPosition?, _ context: ServerContext,
        _ body: @Sendable (PermissionState) throws -> Result
    ) async throws -> Result {
        if let position { try await replica.wait(for: position, until: context.deadline) }
        return try replica.read(body)
    }

    func getStatus(
        _ request: PermissionGetStatusRequest, context: ServerContext
    ) async throws -> PermissionGetStatusResponse {
        var response = PermissionGetStatusResponse()
        let status = replica.status
        response.state = status.name
        response.reason = status.reason
        response.positions = replica.positions
        let counts = try? replica.read {
            [
                $0.accounts.count, $0.permissionSets.count, $0.assignments.count,
                $0.applications.count,
            ]
        }
        if let counts {
            response.accounts = UInt64(counts[0])
            response.permissionSets = UInt64(counts[1])
            response.assignments = UInt64(counts[2])
            response.applications = UInt64(counts[3])
        }
        return response
    }
}

extension Message {
    /// The encoded message, for a record.
    func recordBytes() throws -> [UInt8] {
        do {
            return try serializedBytes()
        } catch {
            throw RPCError(
                .internalError, reason: "ENCODING_FAILED", message: "A record cannot be encoded.",
                cause: error)
        }
    }
}
