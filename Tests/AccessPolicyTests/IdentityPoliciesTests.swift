import AccessPolicy
import Testing

@Suite("Identity policies")
struct IdentityPoliciesTests {
    private func policies(_ documents: String...) throws -> IdentityPolicies {
        try IdentityPolicies(json: documents)
    }

    private func statement(_ effect: String, _ action: String) -> String {
        """
        {"Version": "2012-10-17", "Statement": {"Sid": "\(effect)", "Effect": "\(effect)",
         "Action": \(action), "Resource": "*"}}
        """
    }

    @Test("what none allows is denied, and no policy allows nothing")
    func implicitDeny() throws {
        #expect(!IdentityPolicies().evaluate(user(identityAllows: true)).isAllowed)
        let decision = try policies(statement("Allow", #""kms:Encrypt""#))
            .evaluate(user(identityAllows: false))
        #expect(!decision.isAllowed)
        #expect(decision.explanation.contains("allows kms:Decrypt"))
    }

    @Test("a deny in any of them wins, in either order")
    func explicitDeny() throws {
        let (allow, deny) = (statement("Allow", #""*""#), statement("Deny", #""kms:De*""#))
        for set in [try policies(allow, deny), try policies(deny, allow)] {
            #expect(
                set.evaluate(user(identityAllows: false))
                    == .explicitDeny(by: .init(index: 0, sid: "Deny")))
            #expect(set.evaluate(user(identityAllows: false, "kms:Encrypt")).isAllowed)
        }
    }

    @Test("they speak about resources of other accounts as well")
    func foreign() throws {
        let set = try policies(statement("Allow", #""kms:*""#))
        #expect(set.evaluate(user(account: "999999999999", identityAllows: false)).isAllowed)
    }

    @Test(
        "managed policies decide as at AWS",
        arguments: [
            ("AdministratorAccess", "kms:ScheduleKeyDeletion", true),
            ("AdministratorAccess", "iam:CreateUser", true),
            ("PowerUserAccess", "kms:Decrypt", true), ("PowerUserAccess", "iam:CreateUser", false),
            ("PowerUserAccess", "organizations:DescribeOrganization", true),
            ("PowerUserAccess", "organizations:LeaveOrganization", false),
            ("ReadOnlyAccess", "kms:DescribeKey", true), ("ReadOnlyAccess", "kms:Decrypt", false),
            ("ReadOnlyAccess", "identitystore:ListUsers", true),
            ("ReadOnlyAccess", "identitystore:DeleteUser", false),
            ("AWSKeyManagementServicePowerUser", "kms:CreateKey", true),
            ("AWSKeyManagementServicePowerUser", "kms:GetPublicKey", true),
            ("AWSKeyManagementServicePowerUser", "kms:Encrypt", false),
            ("AWSKeyManagementServicePowerUser", "kms:PutKeyPolicy", false),
        ])
    func managed(name: String, action: String, isAllowed: Bool) throws {
        let document = try #require(
            ManagedPolicy.document(arn: "arn:aws:iam::aws:policy/\(name)"))
        let decision = try policies(document).evaluate(
            user(identityAllows: false, PolicyAction(action)))
        #expect(decision.isAllowed == isAllowed)
    }

    @Test("a policy that is not known has no document")
    func unknown() {
        #expect(ManagedPolicy.document(arn: "arn:aws:iam::aws:policy/SecurityAudit") == nil)
        #expect(ManagedPolicy.document(arn: "AdministratorAccess") == nil)
    }

    @Test("an excerpt keeps every statement that may be about the service")
    func excerpt() throws {
        let document = try PolicyDocument(
            json: """
                {"Version": "2012-10-17", "Statement": [
                 {"Sid": "A", "Effect": "Allow", "Action": ["s3:*", "KMS:Encrypt"], "Resource": "*"},
                 {"Sid": "B", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
                 {"Sid": "C", "Effect": "Deny", "NotAction": "s3:*", "Resource": "*"},
                 {"Sid": "D", "Effect": "Allow", "Action": "k?s:List*", "Resource": "*"},
                 {"Sid": "E", "Effect": "Deny", "Action": "*", "Resource": "*"}]}
                """, kind: .identity)
        let text = try #require(document.excerpt(about: "kms"))
        let kept = ["A", "B", "C", "D", "E"].filter { text.contains(#""Sid":"\#($0)""#) }
        #expect(kept == ["A", "C", "D", "E"])
        #expect(try PolicyDocument(json: text, kind: .identity).statementCount == 4)
        let other = try PolicyDocument(
            json: statement("Allow", #""s3:*""#), kind: .identity)
        #expect(other.excerpt(about: "kms") == nil)
    }
}
