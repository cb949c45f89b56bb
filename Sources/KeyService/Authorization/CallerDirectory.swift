import AccessPolicy
import Contracts
import RPC
import ServiceKit

/// Turns peers into callers. Services of this Region are AWS service principals, operators are
/// users of the management account with the identity policies of their roles.
struct CallerDirectory: Sendable {
    private let configuration: KeyServiceConfiguration
    private let services: [String: Caller]
    private let operators: [String: Caller]
    private let delegated = DelegatedCallers()

    /// The service principal that each service of a Region calls as.
    static let servicePrincipals = [
        "directory": "identitystore.amazonaws.com",
        "permission": "sso.amazonaws.com",
        "portal": "sso.amazonaws.com",
        "coordinator": "sso.amazonaws.com",
    ]

    init(_ configuration: KeyServiceConfiguration) throws {
        self.configuration = configuration
        services = Self.servicePrincipals.mapValues { principal in
            Caller(
                principal: .service(principal),
                conditionKeys: Self.serviceKeys(principal, configuration), identityPolicies: [])
        }
        let byRole = try RolePolicies.documents()
        operators = Dictionary(
            uniqueKeysWithValues: configuration.operatorRoles.map { name, roles in
                let policies = roles.sorted().compactMap { byRole[$0] }
                return (name, Self.operatorCaller(name, policies, configuration))
            })
    }

    /// The caller behind a call: whom the portal names, else the peer.
    ///
    /// - Throws: AccessDeniedException for a peer that is nobody here, ValidationException for a
    ///   delegation that cannot be read.
    func caller(_ context: ServerContext) throws -> Caller {
        guard let text = context.delegatedPrincipalText(region: configuration.region) else {
            return try caller(context.peer)
        }
        return try delegated.caller(text) { principal, policies in
            Self.delegatedCaller(principal, policies, configuration)
        }
    }

    /// The caller behind a peer. A service of another Region, or one that has no use for keys, is
    /// nobody.
    func caller(_ peer: PeerIdentity) throws -> Caller {
        switch peer {
        case .service(let name, configuration.region):
            if let caller = services[name] { return caller }
        case .service: break
        case .operator(let name):
            return operators[name] ?? Self.operatorCaller(name, [], configuration)
        }
        throw RPCError(
            .permissionDenied, reason: "AccessDeniedException",
            message: "\(peer) may not use keys of \(configuration.region).")
    }

    /// Who asked another Region for a replica here.
    ///
    /// - Throws: AccessDeniedException when nobody is named.
    func caller(asking request: KeysImportReplicaRequest) throws -> Caller {
        if !request.operatorName.isEmpty {
            return try caller(.operator(name: request.operatorName))
        }
        guard request.hasCaller else {
            throw RPCError(
                .permissionDenied, reason: "AccessDeniedException",
                message: "The primary key's Region does not say who asks for the replica.")
        }
        let principal = try DelegatedCallers.checked(request.caller)
        return Self.delegatedCaller(
            principal, try DelegatedCallers.policies(principal), configuration)
    }

    /// A service principal as it would call, for checks in advance.
    func caller(servicePrincipal: String) -> Caller {
        Caller(
            principal: .service(servicePrincipal),
            conditionKeys: Self.serviceKeys(servicePrincipal, configuration), identityPolicies: [])
    }

    /// A caller that another part of the system has recognised.
    ///
    /// - Parameter roleARN: of an assumed role; else empty.
    func caller(
        principalARN: String, roleARN: String, identityPolicies: [PolicyDocument]
    ) -> Caller {
        let account = configuration.accountID
        var keys = Self.common(configuration)
        keys["aws:principalisawsservice"] = ["false"]
        keys["aws:principaltype"] = [roleARN.isEmpty ? "User" : "AssumedRole"]
        keys["aws:principalarn"] = [roleARN.isEmpty ? principalARN : roleARN]
        keys["aws:principalaccount"] = [account]
        keys["kms:calleraccount"] = [account]
        if !configuration.organizationID.isEmpty {
            keys["aws:principalorgid"] = [configuration.organizationID]
        }
        return Caller(
            principal: .account(
                .init(
                    arn: principalARN, accountID: account,
                    roleARN: roleARN.isEmpty ? nil : roleARN, identityPoliciesAllow: false)),
            conditionKeys: keys, identityPolicies: identityPolicies)
    }

    private static func delegatedCaller(
        _ principal: KeysDelegatedPrincipal, _ policies: [PolicyDocument],
        _ configuration: KeyServiceConfiguration
    ) -> Caller {
        let arn = principal.principalArn
        let role = principal.roleArn
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        let account = parts.count == 6 ? String(parts[4]) : ""
        var keys = common(configuration)
        keys["aws:principalisawsservice"] = ["false"]
        keys["aws:principaltype"] = [role.isEmpty ? "User" : "AssumedRole"]
        keys["aws:principalarn"] = [role.isEmpty ? arn : role]
        keys["aws:principalaccount"] = [account]
        keys["kms:calleraccount"] = [account]
        keys["aws:multifactorauthpresent"] = [String(principal.multiFactorAuthenticated)]
        for (name, value) in [
            ("aws:userid", principal.userID), ("aws:username", principal.userName),
            ("aws:sourceip", principal.sourceIp), ("kms:viaservice", principal.viaService),
            ("aws:principalorgid", configuration.organizationID),
        ] where !value.isEmpty {
            keys[name] = [value]
        }
        return Caller(
            principal: .account(
                .init(
                    arn: arn, accountID: account, roleARN: role.isEmpty ? nil : role,
                    identityPoliciesAllow: false)),
            conditionKeys: keys, identityPolicies: policies)
    }

    private static func serviceKeys(
        _ principal: String, _ configuration: KeyServiceConfiguration
    ) -> PolicyContext.Layer {
        var keys = common(configuration)
        keys["aws:principalisawsservice"] = ["true"]
        keys["aws:principalservicename"] = [principal]
        keys["aws:principalservicenameslist"] = [principal]
        keys["aws:principaltype"] = ["AWSService"]
        keys["aws:sourceaccount"] = [configuration.accountID]
        if !configuration.organizationID.isEmpty {
            keys["aws:sourceorgid"] = [configuration.organizationID]
        }
        return keys
    }

    private static func operatorCaller(
        _ name: String, _ policies: [PolicyDocument], _ configuration: KeyServiceConfiguration
    ) -> Caller {
        let arn = "arn:aws:iam::\(configuration.accountID):user/\(name)"
        var keys = common(configuration)
        keys["aws:principalisawsservice"] = ["false"]
        keys["aws:principaltype"] = ["User"]
        keys["aws:principalarn"] = [arn]
        keys["aws:principalaccount"] = [configuration.accountID]
        keys["aws:username"] = [name]
        keys["aws:userid"] = [name]
        keys["kms:calleraccount"] = [configuration.accountID]
        if !configuration.organizationID.isEmpty {
            keys["aws:principalorgid"] = [configuration.organizationID]
        }
        return Caller(
            principal: .account(
                .init(arn: arn, accountID: configuration.accountID, identityPoliciesAllow: false)),
            conditionKeys: keys, identityPolicies: policies)
    }

    private static func common(_ configuration: KeyServiceConfiguration) -> PolicyContext.Layer {
        ["aws:requestedregion": [configuration.region], "aws:securetransport": ["true"]]
    }
}

/// The identity policies that come with an operator's roles.
enum RolePolicies {
    static func documents() throws -> [String: PolicyDocument] {
        let all = try document(#""kms:*""#)
        let read = try document(#"["kms:Describe*", "kms:List*", "kms:Get*"]"#)
        return ["administrator": all, "key-administrator": all, "auditor": read]
    }

    private static func document(_ actions: String) throws -> PolicyDocument {
        try PolicyDocument(
            json: """
                {"Version": "2012-10-17",
                 "Statement": {"Effect": "Allow", "Action": \(actions), "Resource": "*"}}
                """, kind: .identity)
    }
}
