/// One compiled statement. A class, so that evaluation passes it on without copying its parts.
final class PolicyStatement: Sendable {
    enum Effect: Sendable {
        case allow
        case deny
    }

    /// A list that either has to contain something or must not.
    struct Choice: Sendable {
        let patterns: [PolicyPattern]
        let negated: Bool
    }

    let index: Int
    let sid: String?
    let effect: Effect
    /// Nil in identity policies, where the principal is given.
    let principals: PrincipalMatcher?
    let actions: Choice
    let resources: Choice
    let conditions: [ConditionTest]

    init(
        index: Int, sid: String?, effect: Effect, principals: PrincipalMatcher?, actions: Choice,
        resources: Choice, conditions: [ConditionTest]
    ) {
        self.index = index
        self.sid = sid
        self.effect = effect
        self.principals = principals
        self.actions = actions
        self.resources = resources
        self.conditions = conditions
    }

    /// Whether the statement is about this action.
    func coversAction(_ action: PolicyAction) -> Bool {
        actions.patterns.contains { $0.matches(bytes: action.lowercased) } != actions.negated
    }

    /// Whether the statement is about this resource. False when a variable cannot be resolved.
    func coversResource(_ request: PolicyRequest) -> Bool {
        let patterns = resources.patterns
        if patterns.count == 1, patterns[0].isAny { return !resources.negated }
        guard patterns.allSatisfy({ $0.isResolvable(in: request.context) }) else { return false }
        let matched = patterns.contains { $0.matches(request.resource, in: request.context) }
        return matched != resources.negated
    }

    /// The first condition that does not hold, or nil when all do.
    func failedCondition(_ context: PolicyContext) -> ConditionTest? {
        conditions.first { !$0.holds(in: context) }
    }

    /// How messages name the statement.
    var name: String {
        if let sid, !sid.isEmpty { "\"\(sid)\"" } else { "number \(index + 1)" }
    }

    /// Condition keys, in lower case, on which the statement may depend.
    var conditionKeysRead: Set<String> {
        var keys = Set(conditions.flatMap(\.conditionKeysRead))
        for pattern in resources.patterns { keys.formUnion(pattern.variableKeys) }
        return keys
    }

    var reference: PolicyDecision.Statement { .init(index: index, sid: sid) }
}
