import Contracts
import RPC
import ReplicatedState

extension PermissionHandler {
    func createPermissionSet(
        _ request: PermissionCreatePermissionSetRequest, context: ServerContext
    ) async throws -> PermissionCreatePermissionSetResponse {
        let parameters: [String: any Sendable] = ["name": request.permissionSet.name]
        return try await audit.run("CreatePermissionSet", context, request: parameters) { actor in
            var set = try PermissionSetRules.checked(request.permissionSet)
            set.permissionSetArn = ARN.permissionSet(instanceARN: try instance().instanceArn)
            set.createdAtUs = Timestamp.nowMicroseconds
            set.version = 1
            let made = set
            let event = audit.event(
                "CreatePermissionSet", actor, request: parameters,
                response: ["permissionSetArn": set.permissionSetArn])
            let written = try await permissions.submit(until: context.deadline) { state in
                guard state.permissionSet(named: made.name) == nil else {
                    throw RPCError.taken(
                        "PERMISSION_SET_NAME_TAKEN",
                        "There is a permission set \(made.name) already.")
                }
                try PermissionLimits.check(
                    state.permissionSets.count, PermissionLimits.permissionSets, "permission sets")
                return DomainWrite(
                    (), changes: [try Self.put(made, in: state)], events: [event],
                    exclusive: ["permission-set-name/\(made.name)"])
            }
            var response = PermissionCreatePermissionSetResponse()
            response.permissionSet = made
            response.position = written.position
            return response
        }
    }

    private static func put(
        _ set: PermissionPermissionSet, in state: PermissionState
    ) throws -> RecordChange {
        var record = PermissionPermissionSetRecord()
        record.permissionSet = set
        let key = RecordKey.permissionSet(set.permissionSetArn)
        return .put(key, version: state.nextVersion(key), try record.recordBytes())
    }

    func getPermissionSet(
        _ request: PermissionGetPermissionSetRequest, context: ServerContext
    ) async throws -> PermissionGetPermissionSetResponse {
        try await read(request.hasAtLeast ? request.atLeast : nil, context) { state in
            let name = request.permissionSet
            guard let set = state.permissionSets[name] ?? state.permissionSet(named: name) else {
                throw RPCError.noPermissionSet(name)
            }
            var response = PermissionGetPermissionSetResponse()
            response.permissionSet = set
            return response
        }
    }

    func listPermissionSets(
        _ request: PermissionListPermissionSetsRequest, context: ServerContext
    ) async throws -> PermissionListPermissionSetsResponse {
        let limit = try Paging.limit(request.pageSize)
        let after = try Paging.key(request.pageToken)
        return try await read(request.hasAtLeast ? request.atLeast : nil, context) { state in
            let page = state.permissionSets.page(after: after, limit: limit)
            var response = PermissionListPermissionSetsResponse()
            response.permissionSets = page.rows.map(\.value)
            if !page.isLast, let last = page.rows.last {
                response.nextPageToken = Paging.token(last.key)
            }
            return response
        }
    }

    func updatePermissionSet(
        _ request: PermissionUpdatePermissionSetRequest, context: ServerContext
    ) async throws -> PermissionUpdatePermissionSetResponse {
        let arn = request.permissionSet.permissionSetArn
        let parameters: [String: any Sendable] = ["permissionSetArn": arn]
        return try await audit.run("UpdatePermissionSet", context, request: parameters) { actor in
            let given = try PermissionSetRules.checked(request.permissionSet)
            let event = audit.event("UpdatePermissionSet", actor, request: parameters)
            let written = try await permissions.submit(until: context.deadline) { state in
                guard let old = state.permissionSets[arn] else {
                    throw RPCError.noPermissionSet(arn)
                }
                guard given.name == old.name else {
                    throw RPCError.invalid(
                        "NAME_CHANGED", "The name of a permission set cannot change.")
                }
                try Versions.check(expected: request.expectedVersion, actual: old.version)
                var set = given
                set.createdAtUs = old.createdAtUs
                set.version = old.version + 1
                set.keepLaterFields(of: old)
                return DomainWrite(set, changes: [try Self.put(set, in: state)], events: [event])
            }
            var response = PermissionUpdatePermissionSetResponse()
            response.permissionSet = written.answer
            response.position = written.position
            return response
        }
    }

    func deletePermissionSet(
        _ request: PermissionDeletePermissionSetRequest, context: ServerContext
    ) async throws -> PermissionDeletePermissionSetResponse {
        let arn = request.permissionSetArn
        let parameters: [String: any Sendable] = ["permissionSetArn": arn]
        return try await audit.run("DeletePermissionSet", context, request: parameters) { actor in
            let event = audit.event("DeletePermissionSet", actor, request: parameters)
            let written = try await permissions.submit(until: context.deadline) { state in
                guard let set = state.permissionSets[arn] else {
                    throw RPCError.noPermissionSet(arn)
                }
                guard !state.assignments.keys.contains(where: { $0.permissionSetARN == arn }) else {
                    throw RPCError.precondition(
                        "PERMISSION_SET_IN_USE", "\(set.name) is still assigned.")
                }
                let key = RecordKey.permissionSet(arn)
                return DomainWrite(
                    (), changes: [.delete(key, version: state.nextVersion(key))], events: [event],
                    exclusive: ["permission-set-name/\(set.name)"])
            }
            var response = PermissionDeletePermissionSetResponse()
            response.position = written.position
            return response
        }
    }
}

/// Compare-and-set on a resource.
enum Versions {
    /// Throws ABORTED VERSION_CHANGED unless nothing, or the present version, was expected.
    static func check(expected: UInt64, actual: UInt64) throws {
        guard expected == 0 || expected == actual else {
            throw RPCError(
                .aborted, reason: "VERSION_CHANGED",
                message: "It has changed meanwhile: version \(actual), not \(expected).")
        }
    }
}

extension RPCError {
    static func noPermissionSet(_ name: String) -> RPCError {
        .missing("PERMISSION_SET_NOT_FOUND", "There is no permission set \(name).")
    }
}
