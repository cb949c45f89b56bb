import Contracts
import Foundation
import RPC

/// What a permission set may hold (sso-admin model, quotas of IAM Identity Center).
enum PermissionSetRules {
    /// Fills defaults in. Throws INVALID_ARGUMENT naming the field.
    static func checked(_ given: PermissionPermissionSet) throws -> PermissionPermissionSet {
        var set = given
        if set.sessionDurationSeconds == 0 { set.sessionDurationSeconds = 3_600 }
        guard set.name.wholeMatch(of: /[A-Za-z0-9_+=,.@\-]{1,32}/) != nil else {
            throw RPCError.invalid(
                "NAME_INVALID", "name needs 1 to 32 of letters, digits and _+=,.@-.")
        }
        guard set.description_p.count <= 700 else {
            throw RPCError.invalid(
                "DESCRIPTION_INVALID", "description may have at most 700 characters.")
        }
        guard (3_600...43_200).contains(set.sessionDurationSeconds) else {
            throw RPCError.invalid(
                "SESSION_DURATION_INVALID", "The session duration is 1 to 12 hours.")
        }
        guard set.relayState.count <= 240 else {
            throw RPCError.invalid(
                "RELAY_STATE_INVALID", "relay_state may have at most 240 characters.")
        }
        try checkPolicies(set)
        return set
    }

    private static func checkPolicies(_ set: PermissionPermissionSet) throws {
        guard set.managedPolicyArns.count <= PermissionLimits.managedPolicies,
            Set(set.managedPolicyArns).count == set.managedPolicyArns.count,
            set.managedPolicyArns.allSatisfy({ (20...2_048).contains($0.utf8.count) })
        else {
            throw RPCError.invalid(
                "MANAGED_POLICIES_INVALID",
                "At most \(PermissionLimits.managedPolicies) different policy ARNs.")
        }
        if set.inlinePolicy.isEmpty { return }
        let blanks = set.inlinePolicy.count { $0.isWhitespace }
        guard set.inlinePolicy.utf8.count <= 32_768, set.inlinePolicy.count - blanks <= 10_240,
            let object = try? JSONSerialization.jsonObject(with: Data(set.inlinePolicy.utf8)),
            object is [String: Any]
        else {
            throw RPCError.invalid(
                "INLINE_POLICY_INVALID",
                "inline_policy needs a JSON object of at most 32,768 bytes, 10,240 non-blank.")
        }
    }
}
