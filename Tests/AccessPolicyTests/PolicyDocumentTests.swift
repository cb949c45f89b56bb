import AccessPolicy
import Testing

@Suite("Parsing of policies")
struct PolicyDocumentTests {
    static func statement(_ changes: String) -> String {
        """
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
         "Action": "kms:*", "Resource": "*"}, \(changes)]}
        """
    }

    static let malformed: [(json: String, path: String)] = [
        ("", "$"), ("[]", "$"), ("{", "$"), ("\"x\"", "$"), ("{}", "Statement"),
        (#"{"Statement": []}"#, "Statement"), (#"{"Statement": "x"}"#, "Statement"),
        (#"{"Version": "2020-01-01", "Statement": {}}"#, "Version"),
        (#"{"Statements": []}"#, "Statements"), (#"{"Id": 4, "Statement": []}"#, "Id"),
        (statement("4"), "Statement[1]"), (statement("{}"), "Statement[1].Effect"),
        (statement(#"{"Effect": "allow"}"#), "Statement[1].Effect"),
        (
            statement(#"{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}"#),
            "Statement[1].Principal"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": "*", "NotPrincipal": "*", "Action": "kms:*", "Resource": "*"}"#
            ), "Statement[1]"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": {"Person": "x"}, "Action": "kms:*", "Resource": "*"}"#
            ),
            "Statement[1].Principal.Person"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": {"AWS": ["*", "nobody"]}, "Action": "kms:*", "Resource": "*"}"#
            ), "Statement[1].Principal.AWS[1]"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/*"}, "Action": "kms:*", "Resource": "*"}"#
            ), "Statement[1].Principal.AWS"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": {"Service": "sso"}, "Action": "kms:*", "Resource": "*"}"#
            ), "Statement[1].Principal.Service"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": "*", "Action": ["kms:*", "Decrypt"], "Resource": "*"}"#
            ),
            "Statement[1].Action[1]"
        ),
        (
            statement(#"{"Effect": "Allow", "Principal": "*", "Action": [], "Resource": "*"}"#),
            "Statement[1].Action"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "key/1"}"#),
            "Statement[1].Resource"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Extra": 1}"#
            ),
            "Statement[1].Extra"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"StringIs": {"a": "b"}}}"#
            ), "Statement[1].Condition.StringIs"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"NumericEquals": {"a": "b"}}}"#
            ), "Statement[1].Condition.NumericEquals.a"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"IpAddress": {"a": "10.0.0.0/33"}}}"#
            ), "Statement[1].Condition.IpAddress.a"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"StringLike": {"a": "${b"}}}"#
            ), "Statement[1].Condition.StringLike.a"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"NullIfExists": {"a": "true"}}}"#
            ), "Statement[1].Condition.NullIfExists"
        ),
        (
            statement(
                #"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"ArnLike": {"a": "arn:aws:sso"}}}"#
            ), "Statement[1].Condition.ArnLike.a"
        ),
    ]

    @Test("a malformed document is refused and the error names the place", arguments: malformed)
    func malformedDocument(json: String, path: String) {
        let error = #expect(throws: PolicyError.self) { try PolicyDocument(json: json) }
        #expect(error?.path == path)
    }

    @Test("a Sid may be used once")
    func duplicateSid() {
        let statement =
            #"{"Sid": "A", "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}"#
        let error = #expect(throws: PolicyError.self) { try document(statement, statement) }
        #expect(error?.path == "Statement[1].Sid")
    }

    @Test("a document of more than 32 KiB is refused")
    func tooLong() {
        let json = #"{"Id": "\#(String(repeating: "x", count: 32 * 1024))", "Statement": []}"#
        let error = #expect(throws: PolicyError.self) { try PolicyDocument(json: json) }
        #expect(error?.message == "the document is longer than 32 KiB")
    }

    @Test("deep nesting is an error, not a crash")
    func deepNesting() {
        let json = String(repeating: "[", count: 15000) + String(repeating: "]", count: 15000)
        #expect(throws: PolicyError.self) { try PolicyDocument(json: json) }
    }

    @Test("one statement may stand without a list, and lists of one are the same as one")
    func shapes() throws {
        let single = try PolicyDocument(
            json: """
                {"Statement": {"Effect": "Allow", "Principal": {"AWS": ["111122223333"]},
                 "Action": ["kms:Decrypt"], "Resource": ["*"]}}
                """)
        #expect(single.statementCount == 1)
        #expect(single.evaluate(user(identityAllows: true)).isAllowed)
    }

    @Test("an identity policy names no principals and applies to its owner")
    func identityPolicy() throws {
        let json = #"{"Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}}"#
        let policy = try PolicyDocument(json: json, kind: .identity)
        #expect(policy.evaluate(user(identityAllows: true)).isAllowed)
        #expect(!policy.evaluate(user(identityAllows: true, "kms:Encrypt")).isAllowed)
        #expect(throws: PolicyError.self) { try PolicyDocument(json: json) }
    }
}
