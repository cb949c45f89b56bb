import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension IdentityStoreAPI {
    /// How often a change is tried on what somebody else has changed meanwhile.
    static let attemptsMax = 16

    var userWriteOperations: [JSONOperation] {
        [
            JSONOperation("CreateUser", .change, createUser),
            JSONOperation("UpdateUser", .change, updateUser),
            JSONOperation("DeleteUser", .change, deleteUser),
        ]
    }

    struct WrittenUser: Encodable, Sendable {
        let identityStoreId: String
        let userId: String
        let userArn: String
        let revision: String

        init(_ user: DirectoryUser, _ snapshot: InstanceSnapshot) {
            identityStoreId = snapshot.instance.identityStoreID
            userId = user.userID
            userArn = IdentityStoreNames.arn(.user, user.userID)
            revision = String(user.version)
        }
    }

    private func createUser(
        _ input: IdentityStoreCreation, _ call: AWSCall
    ) async throws -> WrittenUser {
        let snapshot = try admitWrite(
            input.identityStoreId, "identitystore:CreateUser", [.user], call)
        var attributes = UserAttributes(.with { $0.enabled = true })
        for (name, value) in input.attributes { try Self.set(name, value, in: &attributes) }
        try attributes.requireComplete()
        let user = attributes.user
        let made = try await directory.createUser(.with { $0.user = user }, options: options(call))
        return WrittenUser(made.user, snapshot)
    }

    /// A member of CreateUser: paths and what only a change may set are none.
    private static func set(
        _ name: String, _ value: AttributeDocument, in attributes: inout UserAttributes
    ) throws {
        guard name == "extensions" else {
            guard !name.contains(where: { ".:[".contains($0) }), name != "userStatus" else {
                throw AWSError.attribute(name, "is not a member of CreateUser")
            }
            return try attributes.set(name, to: value)
        }
        for (name, value) in try value.members(name, of: [UserAttributes.enterprise]) {
            try attributes.set(name, to: value)
        }
    }

    /// All operations in one write: on what is there now, and again when somebody else was quicker.
    private func updateUser(
        _ input: IdentityStoreUpdate, _ call: AWSCall
    ) async throws -> WrittenUser {
        guard let text = input.userId else { throw AWSError.missing("userId") }
        let id = try IdentityStoreNames.id(text, .user, "userId")
        let snapshot = try admitWrite(
            input.identityStoreId, "identitystore:UpdateUser", [.named(.user, id)], call)
        try input.checkOperations()
        let made = try await retried(unless: input.revision) {
            let old = try await user(id, call)
            try Self.check(input.revision, old.version)
            var attributes = UserAttributes(old)
            for operation in input.operations {
                try attributes.set(operation.attributePath, to: operation.value)
            }
            let changed = attributes.user
            return try await directory.updateUser(
                .with {
                    $0.user = changed
                    $0.expectedVersion = old.version
                }, options: options(call)
            ).user
        }
        return WrittenUser(made, snapshot)
    }

    /// Deleting who is not there any more is done already.
    private func deleteUser(
        _ input: IdentityStoreReference, _ call: AWSCall
    ) async throws -> NoOutput {
        guard let text = input.userId else { throw AWSError.missing("userId") }
        let id = try IdentityStoreNames.id(text, .user, "userId")
        try admitWrite(
            input.identityStoreId, "identitystore:DeleteUser", [.named(.user, id)], call)
        let version = try input.version()
        do {
            _ = try await directory.deleteUser(
                .with {
                    $0.userID = id
                    $0.expectedVersion = version
                }, options: options(call))
        } catch let error as RPCError where error.code == .notFound {}
        return NoOutput()
    }

    // MARK: Revisions

    /// Throws: `AWSError` ConflictException unless the revision is the present one, or none is given.
    static func check(_ revision: String?, _ version: UInt64) throws {
        guard let revision, revision != String(version) else { return }
        throw IdentityStoreFailure.conflict(
            "CONCURRENT_MODIFICATION", "The revision is \(version) now.")
    }

    /// Runs a change that was decided on a version of something, a few times while others change it.
    /// Whoever names the revision wants to hear of it instead.
    func retried<Result: Sendable>(
        unless revision: String?, _ change: () async throws -> Result
    ) async throws -> Result {
        for _ in 1..<Self.attemptsMax where revision == nil {
            do {
                return try await change()
            } catch let error as RPCError where error.code == .aborted {
                continue
            }
        }
        return try await change()
    }
}
