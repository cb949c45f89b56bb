import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension IdentityStoreAPI {
    var userOperations: [JSONOperation] {
        [
            JSONOperation("DescribeUser", .use, describeUser),
            JSONOperation("ListUsers", .use, listUsers),
            JSONOperation("GetUserId", .use, getUserID),
        ]
    }

    struct DescribeUserInput: Decodable, Sendable, TrailDescribed {
        let identityStoreId: String
        let userId: String
        let extensions: [String]?

        var trailParameters: [String: any Sendable] {
            ["identityStoreId": identityStoreId, "userId": userId]
        }
    }

    private func describeUser(
        _ input: DescribeUserInput, _ call: AWSCall
    ) async throws -> IdentityStore.User {
        let id = try IdentityStoreNames.id(input.userId, .user, "userId")
        let snapshot = try admit(
            input.identityStoreId, "identitystore:DescribeUser", [.named(.user, id)], call)
        let extended = try Self.isExtended(input.extensions)
        return IdentityStore.User(try await user(id, call), snapshot, extended: extended)
    }

    func user(_ id: String, _ call: AWSCall) async throws -> DirectoryUser {
        do {
            return try await directory.getUser(.with { $0.userID = id }, options: options(call))
                .user
        } catch let error as RPCError where error.code == .notFound {
            throw IdentityStoreFailure.notFound("USER", id)
        }
    }

    /// Whether the one extension that there is was asked for.
    ///
    /// Throws: `AWSError` ValidationException for others.
    private static func isExtended(_ extensions: [String]?) throws -> Bool {
        guard let extensions else { return false }
        guard extensions.allSatisfy({ $0 == UserAttributes.enterprise }) else {
            throw AWSError.validation("\(UserAttributes.enterprise) is the only extension.")
        }
        return !extensions.isEmpty
    }

    struct ListInput: Decodable, Sendable, TrailDescribed {
        let identityStoreId: String
        let maxResults: Int?
        let nextToken: String?
        let filters: [IdentityStore.Filter]?
        let extensions: [String]?

        var trailParameters: [String: any Sendable] { ["identityStoreId": identityStoreId] }
    }

    struct ListUsersOutput: Encodable, Sendable {
        let users: [IdentityStore.User]
        let nextToken: String?
    }

    private func listUsers(_ input: ListInput, _ call: AWSCall) async throws -> ListUsersOutput {
        let snapshot = try admit(input.identityStoreId, "identitystore:ListUsers", [.user], call)
        let size = try Self.size(input.maxResults)
        let extended = try Self.isExtended(input.extensions)
        if let filter = try Self.filter(input.filters, named: "username") {
            let found = try await find(user: .with { $0.userName = filter }, call)
            return ListUsersOutput(
                users: found.map { [IdentityStore.User($0, snapshot, extended: extended)] } ?? [],
                nextToken: nil)
        }
        let answer = try await directory.listUsers(
            .with {
                $0.pageSize = size
                $0.pageToken = input.nextToken ?? ""
            }, options: options(call))
        return ListUsersOutput(
            users: answer.users.map { IdentityStore.User($0, snapshot, extended: extended) },
            nextToken: answer.nextPageToken.ifNotEmpty)
    }

    /// The value of the one filter that there is.
    static func filter(
        _ filters: [IdentityStore.Filter]?, named name: String
    ) throws -> String? {
        guard let filters, let filter = filters.first else { return nil }
        guard filters.count == 1, filter.attributePath.lowercased() == name else {
            throw AWSError.validation("Lists are filtered by \(name) only.")
        }
        return filter.attributeValue
    }

    struct GetUserIDInput: Decodable, Sendable, TrailDescribed {
        let identityStoreId: String
        let alternateIdentifier: IdentityStore.AlternateIdentifier

        var trailParameters: [String: any Sendable] { ["identityStoreId": identityStoreId] }
    }

    struct GetUserIDOutput: Encodable, Sendable {
        let identityStoreId: String
        let userId: String
        let userArn: String
    }

    private func getUserID(
        _ input: GetUserIDInput, _ call: AWSCall
    ) async throws -> GetUserIDOutput {
        let snapshot = try admit(input.identityStoreId, "identitystore:GetUserId", [.user], call)
        let request: DirectoryFindUserRequest
        switch (input.alternateIdentifier.externalId, input.alternateIdentifier.uniqueAttribute) {
        case (let external?, nil): request = .with { $0.externalID = external.id }
        case (nil, let attribute?):
            switch attribute.attributePath.lowercased() {
            case "username": request = .with { $0.userName = attribute.attributeValue }
            case "emails.value": request = .with { $0.email = attribute.attributeValue }
            default: throw AWSError.validation("Users are found by userName or emails.value.")
            }
        default: throw AWSError.validation("One alternate identifier is needed.")
        }
        guard let user = try await find(user: request, call) else {
            throw IdentityStoreFailure.notFound("USER", "")
        }
        return GetUserIDOutput(
            identityStoreId: snapshot.instance.identityStoreID, userId: user.userID,
            userArn: IdentityStoreNames.arn(.user, user.userID))
    }

    private func find(
        user request: DirectoryFindUserRequest, _ call: AWSCall
    ) async throws -> DirectoryUser? {
        do {
            return try await directory.findUser(request, options: options(call)).user
        } catch let error as RPCError where error.code == .notFound {
            return nil
        }
    }
}
