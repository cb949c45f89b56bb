import AccessPolicy
import Testing

@Suite("Condition operators")
struct ConditionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var condition: String
        var context: [String: [String]]
        var holds: Bool
        var testDescription: String { "\(condition) with \(context)" }

        init(_ condition: String, _ context: [String: [String]], _ holds: Bool) {
            self.condition = condition
            self.context = context
            self.holds = holds
        }
    }

    static let strings = [
        Case(#"{"StringEquals": {"k": "a"}}"#, ["k": ["a"]], true),
        Case(#"{"StringEquals": {"K": "a"}}"#, ["k": ["a"]], true),
        Case(#"{"StringEquals": {"k": "a"}}"#, ["k": ["A"]], false),
        Case(#"{"StringEquals": {"k": "a*"}}"#, ["k": ["ab"]], false),
        Case(#"{"StringEquals": {"k": ["x", "a"]}}"#, ["k": ["a"]], true),
        Case(#"{"StringEquals": {"k": "a"}}"#, [:], false),
        Case(#"{"StringEquals": {"k": "a", "l": "b"}}"#, ["k": ["a"]], false),
        Case(#"{"StringEquals": {"k": "a", "l": "b"}}"#, ["k": ["a"], "l": ["b"]], true),
        Case(#"{"StringEquals": {"k": 5}}"#, ["k": ["5"]], true),
        Case(#"{"StringNotEquals": {"k": ["a", "b"]}}"#, ["k": ["a"]], false),
        Case(#"{"StringNotEquals": {"k": ["a", "b"]}}"#, ["k": ["c"]], true),
        Case(#"{"StringNotEquals": {"k": "a"}}"#, [:], true),
        Case(#"{"StringEqualsIgnoreCase": {"k": "aB"}}"#, ["k": ["Ab"]], true),
        Case(#"{"StringNotEqualsIgnoreCase": {"k": "aB"}}"#, ["k": ["Ab"]], false),
        Case(
            #"{"StringLike": {"k": "sso.*.amazonaws.com"}}"#,
            ["k": ["sso.eu-west-1.amazonaws.com"]], true),
        Case(#"{"StringLike": {"k": "sso.*.amazonaws.com"}}"#, ["k": ["sso.amazonaws.com"]], false),
        Case(#"{"StringLike": {"k": "a?c"}}"#, ["k": ["aéc"]], true),
        Case(#"{"StringLike": {"k": "a?c"}}"#, ["k": ["ac"]], false),
        Case(#"{"StringLike": {"k": "*a*b*"}}"#, ["k": ["xxaxxaxxbxx"]], true),
        Case(#"{"StringLike": {"k": "*a*b"}}"#, ["k": ["abab!"]], false),
        Case(#"{"StringLike": {"k": "*"}}"#, ["k": [""]], true),
        Case(#"{"StringLike": {"k": "a${*}c"}}"#, ["k": ["abc"]], false),
        Case(#"{"StringLike": {"k": "a${*}c"}}"#, ["k": ["a*c"]], true),
        Case(#"{"StringNotLike": {"k": "a*"}}"#, ["k": ["abc"]], false),
        Case(#"{"StringNotLike": {"k": "a*"}}"#, ["k": ["bc"]], true),
    ]

    static let numbersAndDates = [
        Case(#"{"NumericEquals": {"k": 10}}"#, ["k": ["10.0"]], true),
        Case(#"{"NumericEquals": {"k": "10"}}"#, ["k": ["ten"]], false),
        Case(#"{"NumericNotEquals": {"k": "10"}}"#, ["k": ["11"]], true),
        Case(#"{"NumericLessThan": {"k": "10"}}"#, ["k": ["9.99"]], true),
        Case(#"{"NumericLessThan": {"k": "10"}}"#, ["k": ["10"]], false),
        Case(#"{"NumericLessThanEquals": {"k": "10"}}"#, ["k": ["10"]], true),
        Case(#"{"NumericGreaterThan": {"k": "10"}}"#, ["k": ["10"]], false),
        Case(#"{"NumericGreaterThanEquals": {"k": "10"}}"#, ["k": ["10"]], true),
        Case(#"{"NumericGreaterThan": {"k": "10"}}"#, [:], false),
        Case(#"{"DateEquals": {"k": "2026-11-24T00:00:00Z"}}"#, ["k": ["1795478400"]], true),
        Case(#"{"DateEquals": {"k": "2026-11-24"}}"#, ["k": ["2026-11-24T01:00:00+01:00"]], true),
        Case(#"{"DateNotEquals": {"k": "2026-11-24"}}"#, ["k": ["2026-11-25"]], true),
        Case(
            #"{"DateLessThan": {"k": "2026-11-24T05:25:00Z"}}"#, ["k": ["2026-11-24T05:24:59.9Z"]],
            true),
        Case(#"{"DateLessThanEquals": {"k": "2026-11-24"}}"#, ["k": ["2026-11-24"]], true),
        Case(#"{"DateGreaterThan": {"k": "2026-02-28"}}"#, ["k": ["2026-03-01"]], true),
        Case(#"{"DateGreaterThanEquals": {"k": "2026-03-01"}}"#, ["k": ["2026-02-28"]], false),
        Case(#"{"DateGreaterThan": {"k": "2026-02-28"}}"#, ["k": ["2026-02-30"]], false),
    ]

    static let others = [
        Case(#"{"Bool": {"k": "true"}}"#, ["k": ["true"]], true),
        Case(#"{"Bool": {"k": true}}"#, ["k": ["false"]], false),
        Case(#"{"Bool": {"k": "true"}}"#, [:], false),
        Case(#"{"BoolIfExists": {"k": "true"}}"#, [:], true),
        Case(#"{"BinaryEquals": {"k": "QUJD"}}"#, ["k": ["QUJD"]], true),
        Case(#"{"BinaryEquals": {"k": "QUJD"}}"#, ["k": ["QUJE"]], false),
        Case(
            #"{"IpAddress": {"aws:SourceIp": "10.1.0.0/16"}}"#, ["aws:SourceIp": ["10.1.200.3"]],
            true),
        Case(
            #"{"IpAddress": {"aws:SourceIp": "10.1.0.0/16"}}"#, ["aws:SourceIp": ["10.2.0.1"]],
            false),
        Case(
            #"{"IpAddress": {"aws:SourceIp": "10.1.2.128/25"}}"#, ["aws:SourceIp": ["10.1.2.127"]],
            false),
        Case(#"{"IpAddress": {"aws:SourceIp": "10.1.2.3"}}"#, ["aws:SourceIp": ["10.1.2.3"]], true),
        Case(
            #"{"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}"#,
            ["aws:SourceIp": ["2001:db8:1::5"]], true),
        Case(
            #"{"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}"#, ["aws:SourceIp": ["2001:db8::1"]],
            false),
        Case(
            #"{"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#, ["aws:SourceIp": ["192.0.2.1"]],
            true),
        Case(
            #"{"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#, ["aws:SourceIp": ["10.0.0.1"]],
            false),
        Case(
            #"{"ArnLike": {"k": "arn:aws:sso:::instance/*"}}"#,
            ["k": ["arn:aws:sso:::instance/ssoins-1"]], true),
        Case(
            #"{"ArnEquals": {"k": "arn:aws:*:::instance/1"}}"#, ["k": ["arn:aws:sso:::instance/1"]],
            true),
        Case(
            #"{"ArnLike": {"k": "arn:aws:*:instance/1"}}"#.replacing("*:i", with: "*:::i"),
            ["k": ["arn:aws:a:b::instance/1"]], false),
        Case(#"{"ArnLike": {"k": "arn:aws:sso:::instance/*"}}"#, ["k": ["not an arn"]], false),
        Case(
            #"{"ArnNotLike": {"k": "arn:aws:sso:::instance/*"}}"#,
            ["k": ["arn:aws:sso:::instance/1"]], false),
        Case(
            #"{"ArnNotEquals": {"k": "arn:aws:sso:::instance/2"}}"#,
            ["k": ["arn:aws:sso:::instance/1"]], true),
        Case(#"{"Null": {"k": "true"}}"#, [:], true),
        Case(#"{"Null": {"k": "true"}}"#, ["k": ["x"]], false),
        Case(#"{"Null": {"k": "false"}}"#, ["k": ["x"]], true),
        Case(#"{"Null": {"k": false}}"#, [:], false),
    ]

    static let quantified = [
        Case(#"{"StringEqualsIfExists": {"k": "a"}}"#, [:], true),
        Case(#"{"StringEqualsIfExists": {"k": "a"}}"#, ["k": ["b"]], false),
        Case(#"{"ForAllValues:StringEquals": {"k": ["a", "b"]}}"#, ["k": ["a", "b", "a"]], true),
        Case(#"{"ForAllValues:StringEquals": {"k": ["a", "b"]}}"#, ["k": ["a", "c"]], false),
        Case(#"{"ForAllValues:StringEquals": {"k": ["a"]}}"#, [:], true),
        Case(#"{"ForAnyValue:StringEquals": {"k": ["a", "b"]}}"#, ["k": ["x", "b"]], true),
        Case(#"{"ForAnyValue:StringEquals": {"k": ["a", "b"]}}"#, ["k": ["x"]], false),
        Case(#"{"ForAnyValue:StringEquals": {"k": ["a"]}}"#, [:], false),
        Case(#"{"ForAnyValue:StringLike": {"k": ["aws:*"]}}"#, ["k": ["z", "aws:sso"]], true),
        Case(#"{"ForAllValues:StringNotEquals": {"k": ["a"]}}"#, ["k": ["b", "c"]], true),
        Case(#"{"ForAllValues:StringNotEquals": {"k": ["a"]}}"#, ["k": ["b", "a"]], false),
        Case(#"{"ForAnyValue:StringNotEquals": {"k": ["a"]}}"#, ["k": ["a", "b"]], true),
        Case(#"{"ForAnyValue:StringEqualsIfExists": {"k": ["a"]}}"#, [:], true),
    ]

    static let variables = [
        Case(
            #"{"StringEquals": {"k": "${aws:username}"}}"#,
            ["k": ["ada"], "aws:username": ["ada"]], true),
        Case(
            #"{"StringEquals": {"k": "${aws:PrincipalTag/Team}"}}"#,
            ["k": ["x"], "aws:PrincipalTag/team": ["x"]], true),
        Case(
            #"{"StringLike": {"k": "home/${aws:username}/*"}}"#,
            ["k": ["home/ada/f"], "aws:username": ["ada"]], true),
        Case(
            #"{"StringLike": {"k": "${aws:username}"}}"#,
            ["k": ["anything"], "aws:username": ["*"]], false),
        Case(#"{"StringEquals": {"k": "${aws:username}"}}"#, ["k": ["ada"]], false),
        Case(#"{"StringNotEquals": {"k": "${aws:username}"}}"#, ["k": ["ada"]], false),
        Case(
            #"{"StringEquals": {"k": "${aws:username}"}}"#,
            ["k": ["a"], "aws:username": ["a", "b"]], false),
        Case(#"{"StringEquals": {"k": "${aws:username, 'none'}"}}"#, ["k": ["none"]], true),
        Case(
            #"{"StringEqualsIgnoreCase": {"k": "${aws:username}"}}"#,
            ["k": ["ADA"], "aws:username": ["ada"]], true),
        Case(
            #"{"ArnLike": {"k": "arn:aws:iam::1:user/${aws:username}"}}"#,
            ["k": ["arn:aws:iam::1:user/ada"], "aws:username": ["ada"]], true),
    ]

    @Test(
        "each operator with values that meet it and values that do not",
        arguments: [strings, numbersAndDates, others, quantified, variables].flatMap { $0 })
    func operators(_ test: Case) throws {
        #expect(try holds(test.condition, test.context) == test.holds)
    }

    @Test("version 2008-10-17 takes variables as plain text")
    func oldVersion() throws {
        let policy = try PolicyDocument(
            json: """
                {"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Principal": "*",
                 "Action": "kms:*", "Resource": "*",
                 "Condition": {"StringEquals": {"k": "${aws:username}"}}}}
                """)
        #expect(
            !policy.evaluate(service(context: ["k": ["ada"], "aws:username": ["ada"]])).isAllowed)
        #expect(policy.evaluate(service(context: ["k": ["${aws:username}"]])).isAllowed)
    }
}
