import AccessPolicy

let account = "111122223333"
let keyARN = "arn:aws:kms:eu-central-1:111122223333:key/mrk-00112233445566778899aabbccddeeff"

/// A document of one statement that allows kms:Decrypt to the SSO service under a condition.
func conditional(_ condition: String, effect: String = "Allow") throws -> PolicyDocument {
    try PolicyDocument(
        json: """
            {"Version": "2012-10-17", "Statement": {"Sid": "S", "Effect": "\(effect)",
             "Principal": {"Service": "sso.amazonaws.com"}, "Action": "kms:Decrypt",
             "Resource": "*", "Condition": \(condition)}}
            """)
}

/// Whether the condition holds for the context.
func holds(_ condition: String, _ context: [String: [String]]) throws -> Bool {
    try conditional(condition).evaluate(service(context: context)).isAllowed
}

func service(
    _ name: String = "sso.amazonaws.com", _ action: PolicyAction = "kms:Decrypt",
    resource: String = keyARN, context: [String: [String]] = [:]
) -> PolicyRequest {
    PolicyRequest(
        principal: .service(name), action: action, resource: resource,
        context: PolicyContext(context))
}

func user(
    _ name: String = "ada", account: String = account, identityAllows: Bool,
    _ action: PolicyAction = "kms:Decrypt", resource: String = keyARN,
    context: [String: [String]] = [:]
) -> PolicyRequest {
    PolicyRequest(
        principal: .account(
            .init(
                arn: "arn:aws:iam::\(account):user/\(name)", accountID: account,
                identityPoliciesAllow: identityAllows)),
        action: action, resource: resource, context: PolicyContext(context))
}

/// A document of the given statements.
func document(_ statements: String...) throws -> PolicyDocument {
    try PolicyDocument(
        json: #"{"Version": "2012-10-17", "Statement": [\#(statements.joined(separator: ","))]}"#)
}
