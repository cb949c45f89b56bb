import AccessPolicy
import Contracts
import Foundation
import Hummingbird
import ServiceKit

/// Whose signature was found good, with what is known of them.
struct AWSCaller: Sendable {
    /// `arn:aws:sts::<account>:assumed-role/<role>/<session>` or
    /// `arn:aws:iam::<account>:user/<operator>`.
    let arn: String
    /// With its path; empty for an operator.
    let roleARN: String
    let accountID: String
    /// aws:userid.
    let userID: String
    /// The person's or the operator's name.
    let name: String
    let accessKeyID: String
    let issuedAt: Date
    /// JSON documents. They decide together, and what none allows is denied.
    let identityPolicies: [String]
    /// Of a person: user ID and the session that the credentials were taken in.
    let person: (userID: String, sessionID: String)?

    /// The caller in the trail.
    func actor(
        _ request: Request, _ context: PortalContext, _ instance: InstanceSnapshot
    ) -> TrailActor {
        var actor = TrailActor.edge(request, context, instance)
        actor.type = person == nil ? "IAMUser" : "AssumedRole"
        actor.userName = name
        actor.accountID = accountID
        actor.principalID = userID
        actor.arn = arn
        actor.accessKeyID = accessKeyID
        actor.sessionCreatedAtUs = issuedAt.microseconds
        if let person {
            actor.sessionIssuerArn = roleARN
            actor.credentialID = person.sessionID
            if BreakGlassState.isBreakGlass(person.userID) {
                actor.identityStoreArn = ""
            } else {
                actor.onBehalfOfUserID = person.userID
            }
        } else {
            actor.identityStoreArn = ""
        }
        return actor
    }
}

extension AWSCaller {
    /// A person in a role.
    init(_ claims: RoleClaims, identityPolicies: [String]) {
        let letters = CredentialIssuer.base32(Array(hexHash(claims.roleARN).utf8).prefix(17))
        self.init(
            arn: "arn:aws:sts::\(claims.account):assumed-role/\(claims.role)/\(claims.name)",
            roleARN: claims.roleARN, accountID: claims.account,
            userID: "AROA\(letters):\(claims.name)", name: claims.name,
            accessKeyID: claims.accessKeyID,
            issuedAt: Date(timeIntervalSince1970: Double(claims.iat)),
            identityPolicies: identityPolicies, person: (claims.sub, claims.sid))
    }

    /// An operator of this Region's configuration.
    init(_ claims: OperatorClaims, accountID: String, identityPolicies: [String]) {
        let arn = "arn:aws:iam::\(accountID):user/\(claims.name)"
        self.init(
            arn: arn, roleARN: "", accountID: accountID, userID: arn, name: claims.name,
            accessKeyID: claims.accessKeyID,
            issuedAt: Date(timeIntervalSince1970: Double(claims.iat)),
            identityPolicies: identityPolicies, person: nil)
    }
}

/// Where a caller's identity policies come from.
enum CallerPolicies {
    /// Of a permission set: its inline policy and the managed policies that are known.
    static func documents(_ set: PermissionPermissionSet) -> [String] {
        set.managedPolicyArns.compactMap(ManagedPolicy.document)
            + (set.inlinePolicy.isEmpty ? [] : [set.inlinePolicy])
    }

    /// Of an operator's roles.
    static func documents(operatorRoles roles: Set<String>) -> [String] {
        roles.sorted().compactMap { byRole[$0] }
    }

    private static let byRole = [
        "administrator": allow(#"["kms:*","sso:*","identitystore:*","cloudtrail:*"]"#),
        "key-administrator": allow(#"["kms:*"]"#),
        "auditor": allow(
            #"["cloudtrail:LookupEvents","identitystore:Describe*","identitystore:Get*","#
                + #""identitystore:Is*","identitystore:List*","kms:Describe*","kms:Get*","#
                + #""kms:List*","sso:Describe*","sso:Get*","sso:List*"]"#),
    ]

    private static func allow(_ actions: String) -> String {
        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":\#(actions),"#
            + #""Resource":"*"}]}"#
    }
}
