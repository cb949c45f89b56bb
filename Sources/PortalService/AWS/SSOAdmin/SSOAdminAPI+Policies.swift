import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension SSOAdminAPI {
    var policyOperations: [JSONOperation] {
        [
            JSONOperation("AttachManagedPolicyToPermissionSet", .change) {
                (input: ManagedPolicyInput, call) in
                try await change(
                    input.instanceArn, input.permissionSetArn,
                    "sso:AttachManagedPolicyToPermissionSet", call
                ) { set in
                    guard !set.managedPolicyArns.contains(input.managedPolicyArn) else {
                        throw AWSError("ConflictException", "The policy is attached already.")
                    }
                    set.managedPolicyArns.append(input.managedPolicyArn)
                }
                return NoOutput()
            },
            JSONOperation("DetachManagedPolicyFromPermissionSet", .change) {
                (input: ManagedPolicyInput, call) in
                try await change(
                    input.instanceArn, input.permissionSetArn,
                    "sso:DetachManagedPolicyFromPermissionSet", call
                ) { set in
                    guard let index = set.managedPolicyArns.firstIndex(of: input.managedPolicyArn)
                    else {
                        throw AWSError("ResourceNotFoundException", "The policy is not attached.")
                    }
                    set.managedPolicyArns.remove(at: index)
                }
                return NoOutput()
            },
            JSONOperation("ListManagedPoliciesInPermissionSet", .use) { (input: Input, call) in
                let set = try await permissionSet(
                    input, "sso:ListManagedPoliciesInPermissionSet", call)
                return ManagedPoliciesOutput(
                    attachedManagedPolicies: set.managedPolicyArns.map(
                        ManagedPoliciesOutput.Policy.init))
            },
            JSONOperation("PutInlinePolicyToPermissionSet", .change) {
                (input: InlinePolicyInput, call) in
                try await change(
                    input.instanceArn, input.permissionSetArn, "sso:PutInlinePolicyToPermissionSet",
                    call
                ) { set in
                    do {
                        _ = try PolicyDocument(json: input.inlinePolicy, kind: .identity)
                    } catch let error as PolicyError {
                        throw AWSError.validation("The inline policy is malformed. \(error)")
                    }
                    set.inlinePolicy = input.inlinePolicy
                }
                return NoOutput()
            },
            JSONOperation("GetInlinePolicyForPermissionSet", .use) { (input: Input, call) in
                let set = try await permissionSet(
                    input, "sso:GetInlinePolicyForPermissionSet", call)
                return InlinePolicyOutput(inlinePolicy: set.inlinePolicy)
            },
            JSONOperation("DeleteInlinePolicyFromPermissionSet", .change) { (input: Input, call) in
                try await change(
                    input.instanceArn, try input.set(), "sso:DeleteInlinePolicyFromPermissionSet",
                    call
                ) { $0.inlinePolicy = "" }
                return NoOutput()
            },
        ]
    }

    struct ManagedPolicyInput: Decodable, Sendable {
        let instanceArn: String
        let permissionSetArn: String
        let managedPolicyArn: String
    }

    struct ManagedPoliciesOutput: Encodable, Sendable {
        let attachedManagedPolicies: [Policy]

        struct Policy: Encodable, Sendable {
            let name: String
            let arn: String

            init(_ arn: String) {
                name = arn.split(separator: "/").last.map(String.init) ?? arn
                self.arn = arn
            }
        }
    }

    struct InlinePolicyInput: Decodable, Sendable {
        let instanceArn: String
        let permissionSetArn: String
        let inlinePolicy: String
    }

    struct InlinePolicyOutput: Encodable, Sendable {
        let inlinePolicy: String
    }
}
