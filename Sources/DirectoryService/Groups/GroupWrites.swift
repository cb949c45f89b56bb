import Contracts
import RPC
import ReplicatedState
import ServiceKit
import SwiftProtobuf

extension DirectoryServer {
    func createGroup(
        _ request: DirectoryCreateGroupRequest, context: ServerContext
    ) async throws -> DirectoryCreateGroupResponse {
        let parameters = groupParameters(nil)
        return try await audit.run("CreateGroup", context, request: parameters) { actor in
            try request.group.validate()
            let members = try UserList(request.memberUserIds)
            let id = Identifier.new()
            var group = request.group
            group.groupID = id.text
            group.createdAtUs = Timestamp.nowMicroseconds
            group.updatedAtUs = group.createdAtUs
            group.version = 1
            let new = group
            let value = try new.record
            let event = audit.event(
                "CreateGroup", actor, request: parameters,
                response: storeParameters.merging(["groupId": id.text]) { $1 })
            let memberEvents = membershipEvents(
                actor, group: id, added: members.ids, removed: [])
            let written = try await writer.submit(until: context.deadline) { state in
                try new.checkUnique(in: state, except: nil)
                let rows = try members.rows(in: state)
                let joined = try rows.map { try state.newMembership($0, group: id) }
                return DomainWrite(
                    new,
                    changes: [.put(DirectoryKey.group(id).text, version: 1, value)] + joined,
                    events: [event] + memberEvents, exclusive: new.claims, shared: members.keys)
            }
            var response = DirectoryCreateGroupResponse()
            response.group = written.answer
            response.position = written.position
            return response
        }
    }

    func updateGroup(
        _ request: DirectoryUpdateGroupRequest, context: ServerContext
    ) async throws -> DirectoryUpdateGroupResponse {
        let parameters = groupParameters(request.group.groupID)
        return try await audit.run("UpdateGroup", context, request: parameters) { actor in
            guard let id = Identifier(request.group.groupID) else {
                throw RPCError.groupNotFound(request.group.groupID)
            }
            try request.group.validate()
            var group = request.group
            group.groupID = id.text
            group.updatedAtUs = Timestamp.nowMicroseconds
            let new = group
            let event = audit.event("UpdateGroup", actor, request: parameters)
            let written = try await writer.submit(until: context.deadline) { state in
                guard let row = state.groups.row(id),
                    let (version, createdAt) = state.groups.withFields(
                        row, { ($0.version, $0.createdAt) })
                else { throw RPCError.groupNotFound(id.text) }
                guard request.expectedVersion == 0 || request.expectedVersion == version else {
                    throw RPCError.versionChanged(version)
                }
                try new.checkUnique(in: state, except: row)
                var group = new
                group.version = version + 1
                group.createdAtUs = createdAt
                if let stored = try state.groups.withRecord(
                    of: id, { try DirectoryGroupRecord(serializedBytes: Array($0)).group })
                {
                    group.keepLaterFields(of: stored)
                }
                let key = DirectoryKey.group(id).text
                return DomainWrite(
                    group, changes: [.put(key, version: group.version, try group.record)],
                    events: [event], exclusive: group.claims)
            }
            var response = DirectoryUpdateGroupResponse()
            response.group = written.answer
            response.position = written.position
            return response
        }
    }

    func deleteGroup(
        _ request: DirectoryDeleteGroupRequest, context: ServerContext
    ) async throws -> DirectoryDeleteGroupResponse {
        let parameters = groupParameters(request.groupID)
        return try await audit.run("DeleteGroup", context, request: parameters) { actor in
            guard let id = Identifier(request.groupID) else {
                throw RPCError.groupNotFound(request.groupID)
            }
            let event = audit.event("DeleteGroup", actor, request: parameters)
            while true {
                let written = try await writer.submit(until: context.deadline) { state in
                    try Self.deletion(
                        of: id, expectedVersion: request.expectedVersion, event, in: state)
                }
                guard written.answer else { continue }
                var response = DirectoryDeleteGroupResponse()
                response.position = written.position
                return response
            }
        }
    }

    /// More members than one commit can hold go first, in commits of their own. True for the last.
    private static func deletion(
        of id: Identifier, expectedVersion: UInt64, _ event: TrailEvent, in state: DirectoryState
    ) throws -> DomainWrite<Bool> {
        guard let row = state.groups.row(id),
            let version = state.groups.withFields(row, { $0.version })
        else { throw RPCError.groupNotFound(id.text) }
        guard expectedVersion == 0 || expectedVersion == version else {
            throw RPCError.versionChanged(version)
        }
        let members = state.memberships.indexes(ofGroup: row)
        let isLast = members.count <= UserList.countMax - 10
        let ends = members.prefix(UserList.countMax - 10).map { state.endOfMembership($0) }
        let key = DirectoryKey.group(id).text
        guard isLast else { return DomainWrite(false, changes: ends, exclusive: [key]) }
        return DomainWrite(
            true, changes: ends + [.delete(key, version: version + 1)], events: [event])
    }

    func groupParameters(_ id: String?) -> [String: any Sendable] {
        var parameters = storeParameters
        if let id {
            parameters["groupId"] = String(id.prefix(64))
        } else {
            parameters["displayName"] = hiddenPersonalData
        }
        return parameters
    }
}

extension DirectoryGroup {
    /// What the log holds: a GroupRecord.
    var record: [UInt8] {
        get throws {
            var record = DirectoryGroupRecord()
            record.group = self
            return try record.serializedBytes()
        }
    }

    var claims: [String] {
        ["group-name/\(displayName.lowercased())"]
            + (externalID.isEmpty ? [] : ["group-external/\(externalID)"])
    }

    /// Throws: ALREADY_EXISTS GROUP_NAME_TAKEN, EXTERNAL_ID_TAKEN.
    func checkUnique(in state: DirectoryState, except row: UInt32?) throws {
        if let holder = state.groups.find(name: displayName), holder != row {
            throw RPCError.taken(
                "GROUP_NAME_TAKEN", "group name", by: state.groups.ids[Int(holder)], "group-id")
        }
        if !externalID.isEmpty, let holder = state.groups.find(externalID: externalID),
            holder != row
        {
            throw RPCError.taken(
                "EXTERNAL_ID_TAKEN", "external ID", by: state.groups.ids[Int(holder)], "group-id")
        }
    }
}
