import Contracts
import RPC
import ReplicatedState
import ServiceKit
import SwiftProtobuf

extension DirectoryServer {
    func createUser(
        _ request: DirectoryCreateUserRequest, context: ServerContext
    ) async throws -> DirectoryCreateUserResponse {
        let parameters = userParameters(nil)
        return try await audit.run("CreateUser", context, request: parameters) { actor in
            var user = request.user
            user.completeDisplayName()
            try user.validate()
            let id = Identifier.new()
            user.userID = id.text
            user.createdAtUs = Timestamp.nowMicroseconds
            user.updatedAtUs = user.createdAtUs
            user.version = 1
            let new = user
            let value = try new.record
            let event = audit.event(
                "CreateUser", actor, request: parameters, response: userResponse(id))
            let written = try await writer.submit(until: context.deadline) { state in
                try new.checkUnique(in: state, except: nil)
                return DomainWrite(
                    new, changes: [.put(DirectoryKey.user(id).text, version: 1, value)],
                    events: [event], exclusive: new.claims)
            }
            var response = DirectoryCreateUserResponse()
            response.user = written.answer
            response.position = written.position
            return response
        }
    }

    func updateUser(
        _ request: DirectoryUpdateUserRequest, context: ServerContext
    ) async throws -> DirectoryUpdateUserResponse {
        let parameters = userParameters(request.user.userID)
        return try await audit.run("UpdateUser", context, request: parameters) { actor in
            guard let id = Identifier(request.user.userID) else {
                throw RPCError.userNotFound(request.user.userID)
            }
            var user = request.user
            user.completeDisplayName()
            try user.validate()
            user.userID = id.text
            user.updatedAtUs = Timestamp.nowMicroseconds
            let new = user
            let event = audit.event("UpdateUser", actor, request: parameters)
            let written = try await writer.submit(until: context.deadline) { state in
                try Self.update(
                    new, id, expectedVersion: request.expectedVersion, event, in: state)
            }
            var response = DirectoryUpdateUserResponse()
            response.user = written.answer
            response.position = written.position
            return response
        }
    }

    private static func update(
        _ user: DirectoryUser, _ id: Identifier, expectedVersion: UInt64, _ event: TrailEvent,
        in state: DirectoryState
    ) throws -> DomainWrite<DirectoryUser> {
        guard let row = state.users.row(id),
            let (version, createdAt) = state.users.withFields(row, { ($0.version, $0.createdAt) })
        else { throw RPCError.userNotFound(id.text) }
        guard expectedVersion == 0 || expectedVersion == version else {
            throw RPCError.versionChanged(version)
        }
        try user.checkUnique(in: state, except: row)
        var user = user
        user.version = version + 1
        user.createdAtUs = createdAt
        if let stored = try state.users.withRecord(
            of: id, { try DirectoryUserRecord(serializedBytes: Array($0)).user })
        {
            user.keepLaterFields(of: stored)
            if user.hasName { user.name.keepLaterFields(of: stored.name) }
        }
        return DomainWrite(
            user,
            changes: [
                .put(DirectoryKey.user(id).text, version: user.version, try user.record)
            ],
            events: [event], exclusive: user.claims)
    }

    func deleteUser(
        _ request: DirectoryDeleteUserRequest, context: ServerContext
    ) async throws -> DirectoryDeleteUserResponse {
        let parameters = userParameters(request.userID)
        return try await audit.run("DeleteUser", context, request: parameters) { actor in
            guard let id = Identifier(request.userID) else {
                throw RPCError.userNotFound(request.userID)
            }
            let event = audit.event("DeleteUser", actor, request: parameters)
            let written = try await writer.submit(until: context.deadline) { state in
                guard let row = state.users.row(id),
                    let version = state.users.withFields(row, { $0.version })
                else { throw RPCError.userNotFound(id.text) }
                guard request.expectedVersion == 0 || request.expectedVersion == version else {
                    throw RPCError.versionChanged(version)
                }
                let ends = state.memberships.indexes(ofUser: row).map { index in
                    state.endOfMembership(index)
                }
                return DomainWrite(
                    (),
                    changes: ends + [
                        .delete(DirectoryKey.user(id).text, version: version + 1)
                    ],
                    events: [event])
            }
            var response = DirectoryDeleteUserResponse()
            response.position = written.position
            return response
        }
    }

    /// The trail names people by ID only: personal data stays out of it.
    private func userParameters(_ id: String?) -> [String: any Sendable] {
        var parameters = storeParameters
        if let id {
            parameters["userId"] = String(id.prefix(64))
        } else {
            parameters["userName"] = hiddenPersonalData
            parameters["displayName"] = hiddenPersonalData
        }
        return parameters
    }

    private func userResponse(_ id: Identifier) -> [String: any Sendable] {
        storeParameters.merging(["userId": id.text]) { $1 }
    }
}

extension DirectoryUser {
    /// What the log holds: a UserRecord.
    var record: [UInt8] {
        get throws {
            var record = DirectoryUserRecord()
            record.user = self
            return try record.serializedBytes()
        }
    }

    /// What nobody else may take in the same batch.
    var claims: [String] {
        ["user-name/\(userName.lowercased())"]
            + (externalID.isEmpty ? [] : ["user-external/\(externalID)"])
    }

    /// Throws: ALREADY_EXISTS USER_NAME_TAKEN, EXTERNAL_ID_TAKEN.
    func checkUnique(in state: DirectoryState, except row: UInt32?) throws {
        if let holder = state.users.find(name: userName), holder != row {
            throw RPCError.taken(
                "USER_NAME_TAKEN", "user name", by: state.users.ids[Int(holder)], "user-id")
        }
        if !externalID.isEmpty, let holder = state.users.find(externalID: externalID),
            holder != row
        {
            throw RPCError.taken(
                "EXTERNAL_ID_TAKEN", "external ID", by: state.users.ids[Int(holder)], "user-id")
        }
    }
}

extension DirectoryState {
    /// The record that ends a membership.
    func endOfMembership(_ index: UInt32) -> RecordChange {
        let membership = memberships[index]
        let key = DirectoryKey.member(
            group: groups.ids[Int(membership.group)], user: users.ids[Int(membership.user)])
        return .delete(key.text, version: UInt64(membership.version) + 1)
    }
}
