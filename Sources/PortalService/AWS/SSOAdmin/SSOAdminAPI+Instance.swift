import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension SSOAdminAPI {
    var instanceOperations: [JSONOperation] {
        [
            JSONOperation("ListInstances", .use, listInstances),
            JSONOperation("DescribeInstance", .use, describeInstance),
            JSONOperation("UpdateInstance", .change, updateInstance),
            // Nothing has tags here; tools ask all the same.
            JSONOperation("ListTagsForResource", .use) { (input: TagsInput, call) in
                try authorizer.require("sso:ListTagsForResource", on: [input.resourceArn], call)
                return TagsOutput(tags: [])
            },
        ]
    }

    struct Instance: Encodable, Sendable {
        let instanceArn: String
        let identityStoreId: String
        let ownerAccountId: String
        let name: String?
        let createdDate: Date
        let status: String
        let encryptionConfigurationDetails: Encryption?

        struct Encryption: Encodable, Sendable {
            let keyType: String
            let kmsKeyArn: String?
            let encryptionStatus: String
            let encryptionStatusReason: String?
        }

        init(_ instance: CoordinatorInstance, withEncryption: Bool) {
            instanceArn = instance.instanceArn
            identityStoreId = instance.identityStoreID
            ownerAccountId = instance.ownerAccountID
            name = instance.name.ifNotEmpty
            createdDate = Date(microseconds: instance.createdAtUs)
            status = "ACTIVE"
            let encryption = instance.encryption
            encryptionConfigurationDetails =
                withEncryption
                ? Encryption(
                    keyType: encryption.kmsKeyArn.isEmpty
                        ? "AWS_OWNED_KMS_KEY" : "CUSTOMER_MANAGED_KEY",
                    kmsKeyArn: encryption.kmsKeyArn.ifNotEmpty,
                    encryptionStatus: encryption.status == .updating
                        ? "UPDATING"
                        : encryption.status == .updateFailed ? "UPDATE_FAILED" : "ENABLED",
                    encryptionStatusReason: encryption.statusReason.ifNotEmpty) : nil
        }
    }

    struct ListInstancesInput: Decodable, Sendable {
        let maxResults: Int?
    }

    struct ListInstancesOutput: Encodable, Sendable {
        let instances: [Instance]
    }

    private func listInstances(
        _ input: ListInstancesInput, _ call: AWSCall
    ) async throws -> ListInstancesOutput {
        try authorizer.require("sso:ListInstances", on: ["*"], call)
        guard let snapshot = instance.snapshot else { return ListInstancesOutput(instances: []) }
        return ListInstancesOutput(
            instances: [Instance(snapshot.instance, withEncryption: false)])
    }

    private func describeInstance(_ input: Input, _ call: AWSCall) async throws -> Instance {
        let snapshot = try admit(input.instanceArn, "sso:DescribeInstance", [], call)
        return Instance(snapshot.instance, withEncryption: true)
    }

    struct UpdateInstanceInput: Decodable, Sendable {
        let instanceArn: String
        let name: String?
        let encryptionConfiguration: Configuration?

        struct Configuration: Decodable, Sendable {
            let keyType: String
            let kmsKeyArn: String?
        }
    }

    private func updateInstance(
        _ input: UpdateInstanceInput, _ call: AWSCall
    ) async throws -> NoOutput {
        try admit(input.instanceArn, "sso:UpdateInstance", [], call)
        var request = CoordinatorUpdateInstanceRequest()
        if let name = input.name { request.name = name }
        if let configuration = input.encryptionConfiguration {
            guard configuration.keyType == "CUSTOMER_MANAGED_KEY", let key = configuration.kmsKeyArn
            else {
                throw AWSError.validation(
                    "The instance's key can be changed to a CUSTOMER_MANAGED_KEY with KmsKeyArn.")
            }
            request.kmsKeyID = key
        }
        guard request.hasName || request.hasKmsKeyID else {
            throw AWSError.validation("Name or EncryptionConfiguration is needed.")
        }
        _ = try await coordinator.updateInstance(request, options: options(call))
        return NoOutput()
    }

    struct TagsInput: Decodable, Sendable {
        let resourceArn: String
    }

    struct TagsOutput: Encodable, Sendable {
        /// Always empty.
        let tags: [String]
    }
}
