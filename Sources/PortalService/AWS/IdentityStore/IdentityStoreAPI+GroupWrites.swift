import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension IdentityStoreAPI {
    var groupWriteOperations: [JSONOperation] {
        [
            JSONOperation("CreateGroup", .change, createGroup),
            JSONOperation("UpdateGroup", .change, updateGroup),
            JSONOperation("DeleteGroup", .change, deleteGroup),
        ]
    }

    struct WrittenGroup: Encodable, Sendable {
        let identityStoreId: String
        let groupId: String
        let groupArn: String
        let revision: String

        init(_ group: DirectoryGroup, _ snapshot: InstanceSnapshot) {
            identityStoreId = snapshot.instance.identityStoreID
            groupId = group.groupID
            groupArn = IdentityStoreNames.arn(.group, group.groupID)
            revision = String(group.version)
        }
    }

    private func createGroup(
        _ input: IdentityStoreCreation, _ call: AWSCall
    ) async throws -> WrittenGroup {
        let snapshot = try admitWrite(
            input.identityStoreId, "identitystore:CreateGroup", [.group], call)
        var group = DirectoryGroup()
        for (name, value) in input.attributes { try group.set(name, to: value) }
        guard !group.displayName.isEmpty else { throw AWSError.missing("displayName") }
        let new = group
        let made = try await directory.createGroup(.with { $0.group = new }, options: options(call))
        return WrittenGroup(made.group, snapshot)
    }

    private func updateGroup(
        _ input: IdentityStoreUpdate, _ call: AWSCall
    ) async throws -> WrittenGroup {
        guard let text = input.groupId else { throw AWSError.missing("groupId") }
        let id = try IdentityStoreNames.id(text, .group, "groupId")
        let snapshot = try admitWrite(
            input.identityStoreId, "identitystore:UpdateGroup", [.named(.group, id)], call)
        try input.checkOperations()
        let made = try await retried(unless: input.revision) {
            let old = try await group(id, call)
            try Self.check(input.revision, old.version)
            var changing = old
            for operation in input.operations {
                try changing.set(operation.attributePath, to: operation.value)
            }
            let changed = changing
            return try await directory.updateGroup(
                .with {
                    $0.group = changed
                    $0.expectedVersion = old.version
                }, options: options(call)
            ).group
        }
        return WrittenGroup(made, snapshot)
    }

    /// Deleting what is not there any more is done already.
    private func deleteGroup(
        _ input: IdentityStoreReference, _ call: AWSCall
    ) async throws -> NoOutput {
        guard let text = input.groupId else { throw AWSError.missing("groupId") }
        let id = try IdentityStoreNames.id(text, .group, "groupId")
        try admitWrite(
            input.identityStoreId, "identitystore:DeleteGroup", [.named(.group, id)], call)
        let version = try input.version()
        do {
            _ = try await directory.deleteGroup(
                .with {
                    $0.groupID = id
                    $0.expectedVersion = version
                }, options: options(call))
        } catch let error as RPCError where error.code == .notFound {}
        return NoOutput()
    }
}

extension DirectoryGroup {
    /// Sets one attribute; null removes the description. Throws: `AWSError` ValidationException.
    fileprivate mutating func set(_ path: String, to value: AttributeDocument) throws {
        switch path.lowercased() {
        case "displayname" where value == .null:
            throw AWSError.attribute(path, "cannot be removed")
        case "displayname": displayName = try value.text(path)
        case "description": description_p = try value.text(path)
        default: throw AWSError.attribute(path, "is not an attribute that is kept here")
        }
    }
}
