import Contracts
import RPC
import ReplicatedState
import SwiftProtobuf

extension PermissionHandler {
    func getAccess(
        _ request: PermissionGetAccessRequest, context: ServerContext
    ) async throws -> PermissionGetAccessResponse {
        guard request.hasAtLeast else { return try await keptAccess(request.userID, context) }
        try await replica.wait(for: request.atLeast, until: context.deadline)
        let person = try await person(request.userID, atLeast: request.atLeast, context)
        return try replica.read { Access.of(person.principals, in: $0) }
    }

    /// Makes the answer, and keeps it for those who ask again.
    ///
    /// The directory is asked where the watch has heard it to be: what was told already is not told
    /// again by another process, or one that starts, that is not there yet.
    private func keptAccess(
        _ userID: String, _ context: ServerContext
    ) async throws -> PermissionGetAccessResponse {
        let heard = watch.present
        let ticket = try replica.read { state in
            heard.map { state.answers.ticket(for: userID, in: $0.life) }
        }
        do {
            let person = try await person(userID, atLeast: heard?.position, context)
            let (response, mark) = try replica.read { state in
                (Access.of(person.principals, in: state), state.changes.mark)
            }
            // Who is asked for by another spelling of the ID is not forgotten by it.
            guard let ticket, person.userID == userID else { return response }
            let answer = AccessAnswers.Answer(
                bytes: try response.recordBytes(), of: person, ticket: ticket, mark: mark)
            try replica.read { $0.answers.keep(answer, of: userID, ticket) }
            return response
        } catch {
            if let ticket { try? replica.read { $0.answers.giveUp(userID, ticket) } }
            throw error
        }
    }

    /// What is kept, on the event loop.
    func registerImmediate(in table: inout MethodTable) {
        registerImmediateRoles(in: &table)
        table.registerImmediate(PermissionsMethods.getAccess) { [self] payload, _, sink in
            guard let userID = Self.userID(payload), let life = watch.life else { return .later }
            do {
                let isKept = try replica.read { state in
                    guard let answer = state.answers.answer(of: userID, in: life, state.changes)
                    else { return false }
                    answer.withUnsafeBytes { sink.write($0) }
                    return true
                }
                return isKept ? .written : .later
            } catch {
                return (error as? RPCError).map { .failure($0) } ?? .later
            }
        }
    }

    private func registerImmediateRoles(in table: inout MethodTable) {
        table.registerImmediate(PermissionsMethods.checkRole) { [self] payload, _, sink in
            guard let request = try? PermissionCheckRoleRequest(serializedBytes: Array(payload))
            else { return .later }
            do {
                guard let response = try keptRole(request) else { return .later }
                try response.recordBytes().withUnsafeBytes { sink.write($0) }
                return .written
            } catch {
                return (error as? RPCError).map { .failure($0) } ?? .later
            }
        }
    }

    /// Whose access a request asks for, if it asks for nothing else.
    private static func userID(_ payload: UnsafeRawBufferPointer) -> String? {
        var reader = WireReader(payload)
        var userID: String?
        while let field = reader.next() {
            guard field.number == 1, case .bytes(let text) = field.value else { return nil }
            userID = String(validating: text, as: UTF8.self)
        }
        return reader.isMalformed ? nil : userID
    }

    /// Whom the directory has described before is not asked for again, as long as it tells what changes.
    func checkRole(
        _ request: PermissionCheckRoleRequest, context: ServerContext
    ) async throws -> PermissionCheckRoleResponse {
        if watch.life != nil {
            // Who checks a role checks it again: credentials are renewed.
            _ = try await keptAccess(request.userID, context)
            if let response = try keptRole(request) { return response }
        }
        let person = try await person(request.userID, atLeast: nil, context)
        let primary = try instance().primaryRegion
        return try replica.read { try Self.role(request, of: person, primary, in: $0) }
    }

    /// Nil when the person is not known without asking the directory.
    private func keptRole(
        _ request: PermissionCheckRoleRequest
    ) throws -> PermissionCheckRoleResponse? {
        guard let life = watch.life else { return nil }
        let primary = try instance().primaryRegion
        return try replica.read { state in
            guard let person = state.answers.person(request.userID, in: life) else { return nil }
            return try Self.role(request, of: person, primary, in: state)
        }
    }

    private static func role(
        _ request: PermissionCheckRoleRequest, of person: AccessPerson, _ primary: String,
        in state: PermissionState
    ) throws -> PermissionCheckRoleResponse {
        guard let set = state.permissionSet(named: request.permissionSetName),
            let account = state.accounts[request.accountID],
            let assignment = person.principals.lazy.compactMap({ principal in
                state.assignments[
                    AssignmentKey(
                        accountID: request.accountID, permissionSetARN: set.permissionSetArn,
                        principal: principal)]
            }).first
        else {
            throw RPCError(
                .permissionDenied, reason: "ROLE_NOT_ASSIGNED",
                message: "The role is not assigned to this person in this account.")
        }
        var response = PermissionCheckRoleResponse()
        response.account = account
        response.permissionSet = set
        response.roleName = assignment.roleName
        response.roleArn = Self.roleARN(account.accountID, assignment.roleName, primary)
        response.userName = person.userName
        return response
    }

    /// us-east-1 leaves no trace in the ARN, any other primary Region does (as IAM Identity Center).
    static func roleARN(_ account: String, _ role: String, _ primaryRegion: String) -> String {
        let place = primaryRegion == "us-east-1" ? "" : "\(primaryRegion)/"
        return "arn:aws:iam::\(account):role/aws-reserved/sso.amazonaws.com/\(place)\(role)"
    }

    /// Asks the directory, at a position of the stream that it follows, or as it is.
    ///
    /// Throws NOT_FOUND USER_NOT_FOUND, PERMISSION_DENIED USER_DISABLED.
    private func person(
        _ userID: String, atLeast position: LogPosition?, _ context: ServerContext
    ) async throws -> AccessPerson {
        let options = CallOptions(timeout: context.deadline.remaining)
        var userRequest = DirectoryGetUserRequest()
        userRequest.userID = userID
        var groupsRequest = DirectoryListGroupsOfUserRequest()
        groupsRequest.userID = userID
        if let position, position.stream == DomainScope.control.stream(of: region) {
            userRequest.atLeast = position
            groupsRequest.atLeast = position
        }
        async let groups = directory.listGroupsOfUser(groupsRequest, options: options)
        let user = try await directory.getUser(userRequest, options: options).user
        guard user.enabled else {
            throw RPCError(
                .permissionDenied, reason: "USER_DISABLED", message: "The user is disabled.")
        }
        let ids = try await groups.groups.map(\.groupID)
        return AccessPerson(
            userID: user.userID, userName: user.userName,
            principals: [Principal(isGroup: false, id: user.userID)]
                + ids.map { Principal(isGroup: true, id: $0) })
    }
}

/// What some principals reach together.
enum Access {
    static func of(
        _ principals: [Principal], in state: PermissionState
    ) -> PermissionGetAccessResponse {
        var sets: [String: Set<String>] = [:]
        var arns = state.unassignedApplications
        for principal in principals {
            for key in state.assignments(of: principal) {
                sets[key.accountID, default: []].insert(key.permissionSetARN)
            }
            arns.formUnion(state.applications(of: principal))
        }
        var response = PermissionGetAccessResponse()
        response.accounts = sets.compactMap { account($0.key, $0.value, state) }
            .sorted {
                ($0.account.name, $0.account.accountID) < ($1.account.name, $1.account.accountID)
            }
        response.applications = arns.compactMap { state.applications[$0] }
            .filter { $0.status == .enabled }
            .sorted { ($0.name, $0.applicationArn) < ($1.name, $1.applicationArn) }
        return response
    }

    private static func account(
        _ id: String, _ sets: Set<String>, _ state: PermissionState
    ) -> PermissionGetAccessResponse.AccountAccess? {
        guard let account = state.accounts[id] else { return nil }
        var access = PermissionGetAccessResponse.AccountAccess()
        access.account = account
        access.roles = sets.compactMap { state.permissionSets[$0] }
            .map { set in
                var role = PermissionGetAccessResponse.Role()
                role.permissionSetName = set.name
                role.permissionSetArn = set.permissionSetArn
                role.description_p = set.description_p
                return role
            }
            .sorted { $0.permissionSetName < $1.permissionSetName }
        return access.roles.isEmpty ? nil : access
    }
}
