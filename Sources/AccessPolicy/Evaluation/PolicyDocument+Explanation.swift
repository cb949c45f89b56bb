/// The slow path: why nothing allowed a request. The statement that came nearest is explained.
extension PolicyDocument {
    func explainDenial(_ request: PolicyRequest) -> String {
        let named = allows.filter { $0.principals.map { $0.fit(request.principal) != nil } ?? true }
        guard !named.isEmpty else {
            return "no statement allows anything to \(request.principal.name)"
        }
        let covering = named.filter { $0.coversAction(request.action) }
        guard !covering.isEmpty else {
            return "no statement allows \(request.action.name) to \(request.principal.name)"
        }
        let onResource = covering.filter { $0.coversResource(request) }
        guard !onResource.isEmpty else {
            return "statement \(covering[0].name) allows \(request.action.name), but not on "
                + request.resource
        }
        let met = onResource.filter { $0.failedCondition(request.context) == nil }
        if let delegating = met.first {
            return
                "statement \(delegating.name) leaves the decision to the caller's account, whose "
                + "identity policies do not allow \(request.action.name) to \(request.principal.name)"
        }
        let reasons = onResource.prefix(3).compactMap { statement in
            statement.failedCondition(request.context).map {
                "statement \(statement.name) would allow it, but its condition "
                    + Self.describe($0, request.context)
            }
        }
        return reasons.joined(separator: "; ")
    }

    private static func describe(_ test: ConditionTest, _ context: PolicyContext) -> String {
        let expected = test.expected.prefix(5).map { "\"\($0)\"" }.joined(separator: " or ")
        let found: String
        if let values = context[test.key], !values.isEmpty {
            found = "is " + values.prefix(5).map { "\"\($0)\"" }.joined(separator: ", ")
        } else {
            found = "is not set"
        }
        return "\(test.operatorName) wants \(test.key) \(expected), and it \(found)"
    }
}
