import AccessPolicy
import Testing

@Suite("Policies that come with the product")
struct TemplateTests {
    let baseline: PolicyDocument

    init() throws {
        baseline = try PolicyDocument(
            json: BaselineKeyPolicy.document(
                managementAccount: account, organization: "o-exampleorgid",
                delegatedAdministrator: "222233334444"))
    }

    static let sealing = [
        "aws:SourceAccount": [account],
        "kms:EncryptionContextKeys": ["aws:sso:instance-arn", "tenant-key-id"],
    ]

    @Test("the baseline has five statements")
    func statements() {
        #expect(baseline.statementCount == 5)
    }

    @Test("the services may use the key for the instance, and only from the management account")
    func services() {
        for name in ["sso.amazonaws.com", "identitystore.amazonaws.com"] {
            for action in ["kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptTo"]
            {
                let action = PolicyAction(action)
                #expect(baseline.evaluate(service(name, action, context: Self.sealing)).isAllowed)
                var foreign = Self.sealing
                foreign["aws:SourceAccount"] = ["999999999999"]
                #expect(!baseline.evaluate(service(name, action, context: foreign)).isAllowed)
                #expect(
                    !baseline.evaluate(
                        service(name, action, context: ["aws:SourceAccount": [account]])
                    ).isAllowed)
            }
            #expect(
                baseline.evaluate(
                    service(name, "kms:DescribeKey", context: ["aws:SourceAccount": [account]])
                ).isAllowed)
            #expect(
                !baseline.evaluate(service(name, "kms:DisableKey", context: Self.sealing)).isAllowed
            )
        }
        #expect(
            !baseline.evaluate(service("other.amazonaws.com", context: Self.sealing)).isAllowed)
    }

    @Test("people of the organization may decrypt through the services only")
    func organization() {
        let through = [
            "aws:PrincipalOrgID": ["o-exampleorgid"],
            "kms:ViaService": ["sso.eu-central-1.amazonaws.com"],
        ]
        #expect(
            baseline.evaluate(
                user(account: "333344445555", identityAllows: true, context: through)
            ).isAllowed)
        #expect(
            !baseline.evaluate(
                user(
                    account: "333344445555", identityAllows: true,
                    context: ["aws:PrincipalOrgID": ["o-exampleorgid"]])
            ).isAllowed)
    }

    @Test("managed applications may decrypt for this organization")
    func managedApplications() {
        let request = service(
            "app.amazonaws.com",
            context: ["aws:PrincipalIsAWSService": ["true"], "aws:SourceOrgID": ["o-exampleorgid"]])
        #expect(baseline.evaluate(request).isAllowed)
        #expect(
            !baseline.evaluate(
                service(
                    "app.amazonaws.com",
                    context: [
                        "aws:PrincipalIsAWSService": ["true"], "aws:SourceOrgID": ["o-otherorgidx"],
                    ])
            ).isAllowed)
    }

    @Test("administrators of both accounts keep control, by their identity policies")
    func administrators() {
        #expect(baseline.evaluate(user(identityAllows: true, "kms:PutKeyPolicy")).isAllowed)
        #expect(!baseline.evaluate(user(identityAllows: false, "kms:PutKeyPolicy")).isAllowed)
        #expect(
            baseline.evaluate(
                user(account: "222233334444", identityAllows: true, "kms:PutKeyPolicy")
            ).isAllowed)
    }

    @Test("the default policy leaves everything to the account")
    func defaultPolicy() throws {
        let policy = try PolicyDocument(json: DefaultKeyPolicy.document(account: account))
        #expect(policy.evaluate(user(identityAllows: true)).isAllowed)
        #expect(!policy.evaluate(service()).isAllowed)
    }

    @Test("parameters that would change the document's meaning are refused")
    func injection() {
        #expect(throws: PolicyError.self) {
            try DefaultKeyPolicy.document(account: "111122223333\", \"*")
        }
        #expect(throws: PolicyError.self) {
            try BaselineKeyPolicy.document(managementAccount: account, organization: "o-x\"}")
        }
        #expect(throws: PolicyError.self) {
            try BaselineKeyPolicy.document(
                managementAccount: account, organization: "o-exampleorgid",
                delegatedAdministrator: "1")
        }
    }

    @Test("a denied request to the baseline is decided in well under 50 microseconds")
    func speed() {
        let request = service(context: Self.sealing)
        let clock = ContinuousClock()
        // The best of several rounds, so that a busy machine does not decide.
        let best = (0..<20).map { _ in
            clock.measure { for _ in 0..<200 { _ = baseline.evaluate(request).isAllowed } } / 200
        }.min()
        #expect((best ?? .seconds(1)) < .microseconds(50))
    }
}

@Suite("Differences between policies")
struct DifferenceTests {
    @Test("order, lists of one and the case of actions make no difference")
    func equivalent() throws {
        let first = try document(
            #"{"Sid": "A", "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}"#,
            #"{"Sid": "B", "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": ["kms:B", "kms:A"], "Resource": "*"}"#
        )
        let second = try document(
            #"{"Sid": "B", "Effect": "Deny", "Principal": "*", "Action": ["kms:a", "kms:b"], "Resource": ["*"]}"#,
            #"{"Sid": "A", "Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["kms:decrypt"], "Resource": "*"}"#
        )
        #expect(PolicyDifference(from: first, to: second).isEmpty)
    }

    @Test("a changed condition, a missing and a new statement are told apart")
    func changes() throws {
        let first = try document(
            #"{"Sid": "A", "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"Bool": {"k": "true"}}}"#,
            #"{"Effect": "Allow", "Principal": "*", "Action": "kms:Sign", "Resource": "*"}"#)
        let second = try document(
            #"{"Sid": "A", "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"Bool": {"k": "false"}}}"#,
            #"{"Sid": "C", "Effect": "Deny", "Principal": "*", "Action": "kms:Sign", "Resource": "*"}"#
        )
        let difference = PolicyDifference(from: first, to: second)
        #expect(
            difference.changes == [
                .changed(
                    statement: "A",
                    elements: [
                        .init(
                            element: "Condition", before: #"{"Bool":{"k":["true"]}}"#,
                            after: #"{"Bool":{"k":["false"]}}"#)
                    ]),
                .removed(
                    statement: "statement 2",
                    json:
                        #"{"Action":["kms:sign"],"Effect":"Allow","Principal":{"AWS":["*"]},"Resource":["*"]}"#
                ),
                .added(
                    statement: "C",
                    json:
                        #"{"Action":["kms:sign"],"Effect":"Deny","Principal":{"AWS":["*"]},"Resource":["*"],"Sid":"C"}"#
                ),
            ])
    }
}
