import AccessPolicy
import Testing

@Suite("Evaluation of policies")
struct EvaluationTests {
    static let anyone =
        #"{"Sid": "Any", "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}"#
    static let root = """
        {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
         "Action": "kms:*", "Resource": "*"}
        """

    @Test("what no statement allows is denied")
    func implicitDeny() throws {
        let decision = try document(Self.root).evaluate(service())
        guard case .implicitDeny(let why) = decision else {
            Issue.record("expected an implicit deny, got \(decision)")
            return
        }
        #expect(why == "no statement allows anything to sso.amazonaws.com")
    }

    @Test("an explicit deny wins over an allow, in either order")
    func explicitDeny() throws {
        let deny = """
            {"Sid": "No", "Effect": "Deny", "Principal": {"Service": "sso.amazonaws.com"},
             "Action": "kms:De*", "Resource": "*"}
            """
        #expect(
            try document(Self.anyone, deny).evaluate(service())
                == .explicitDeny(by: .init(index: 1, sid: "No")))
        #expect(
            try document(deny, Self.anyone).evaluate(service())
                == .explicitDeny(by: .init(index: 0, sid: "No")))
        #expect(try document(deny, Self.anyone).evaluate(service("x.amazonaws.com")).isAllowed)
        #expect(
            try document(deny, Self.anyone).evaluate(
                service(
                    "sso.amazonaws.com", "kms:Encrypt")
            ).isAllowed)
    }

    @Test("a statement for the account's root leaves the decision to identity policies")
    func delegation() throws {
        let policy = try document(Self.root)
        #expect(policy.evaluate(user(identityAllows: true)).isAllowed)
        let decision = policy.evaluate(user(identityAllows: false))
        #expect(!decision.isAllowed)
        #expect(decision.explanation.contains("identity policies do not allow kms:Decrypt"))
        #expect(!policy.evaluate(user(account: "999999999999", identityAllows: true)).isAllowed)
    }

    @Test("the root user of the account needs no identity policy")
    func rootUser() throws {
        let request = PolicyRequest(
            principal: .account(
                .init(
                    arn: "arn:aws:iam::111122223333:root", accountID: account,
                    identityPoliciesAllow: false)),
            action: "kms:PutKeyPolicy", resource: keyARN)
        #expect(try document(Self.root).evaluate(request).isAllowed)
    }

    @Test("a principal that is named itself needs no identity policy in its own account")
    func namedPrincipal() throws {
        let named = """
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/ada"},
             "Action": "kms:Decrypt", "Resource": "*"}
            """
        #expect(try document(named).evaluate(user(identityAllows: false)).isAllowed)
        #expect(try !document(named).evaluate(user("eve", identityAllows: true)).isAllowed)
    }

    @Test("a principal of another account needs an identity policy as well")
    func crossAccount() throws {
        let named = """
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:user/ada"},
             "Action": "kms:Decrypt", "Resource": "*"}
            """
        let policy = try document(named)
        #expect(!policy.evaluate(user(account: "999999999999", identityAllows: false)).isAllowed)
        #expect(policy.evaluate(user(account: "999999999999", identityAllows: true)).isAllowed)
    }

    @Test("a session fits the statement that names its role")
    func roleSession() throws {
        let policy = try document(
            """
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/Admin"},
             "Action": "kms:Decrypt", "Resource": "*"}
            """)
        let session = PolicyRequest(
            principal: .account(
                .init(
                    arn: "arn:aws:sts::111122223333:assumed-role/Admin/ada", accountID: account,
                    roleARN: "arn:aws:iam::111122223333:role/Admin", identityPoliciesAllow: false)),
            action: "kms:Decrypt", resource: keyARN)
        #expect(policy.evaluate(session).isAllowed)
    }

    @Test("NotPrincipal, NotAction and NotResource are about everything else")
    func negatedElements() throws {
        let policy = try document(
            Self.anyone,
            """
            {"Effect": "Deny", "NotPrincipal": {"Service": "sso.amazonaws.com"},
             "NotAction": "kms:DescribeKey", "NotResource": "arn:aws:kms:*:111122223333:key/other"}
            """)
        #expect(policy.evaluate(service()).isAllowed)
        #expect(!policy.evaluate(service("x.amazonaws.com")).isAllowed)
        #expect(policy.evaluate(service("x.amazonaws.com", "kms:DescribeKey")).isAllowed)
        #expect(
            policy.evaluate(
                service("x.amazonaws.com", resource: "arn:aws:kms:r:111122223333:key/other")
            ).isAllowed)
    }

    @Test("actions are compared without regard to case, resources with it")
    func letterCase() throws {
        let policy = try document(
            """
            {"Effect": "Allow", "Principal": "*", "Action": "KMS:decrypt",
             "Resource": "arn:aws:kms:*:111122223333:key/mrk-*"}
            """)
        #expect(policy.evaluate(service()).isAllowed)
        #expect(!policy.evaluate(service(resource: keyARN.uppercased())).isAllowed)
    }

    @Test("a denial names the condition that failed, what it wants and what was found")
    func explanation() throws {
        let policy = try conditional(#"{"StringEquals": {"aws:SourceAccount": "111122223333"}}"#)
        #expect(
            policy.evaluate(service(context: ["aws:SourceAccount": ["999999999999"]])).explanation
                == """
                statement "S" would allow it, but its condition StringEquals wants \
                aws:SourceAccount "111122223333", and it is "999999999999"
                """)
        #expect(policy.evaluate(service()).explanation.hasSuffix("and it is not set"))
        #expect(
            policy.evaluate(service("sso.amazonaws.com", "kms:Sign")).explanation
                == "no statement allows kms:Sign to sso.amazonaws.com")
    }

    @Test("a policy that would lock its author out is found")
    func lockout() throws {
        let caller = PolicyRequest.Principal.account(
            .init(
                arn: "arn:aws:iam::111122223333:user/ada", accountID: account,
                identityPoliciesAllow: true))
        let closed = try document(
            """
            {"Effect": "Allow", "Principal": {"Service": "sso.amazonaws.com"},
             "Action": "kms:*", "Resource": "*"}
            """)
        #expect(
            !closed.lockoutCheck(caller: caller, resource: keyARN, context: PolicyContext())
                .isAllowed)
        #expect(
            try document(Self.root)
                .lockoutCheck(caller: caller, resource: keyARN, context: PolicyContext()).isAllowed)
    }
}
