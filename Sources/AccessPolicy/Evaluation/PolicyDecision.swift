/// What a policy says about a request.
package enum PolicyDecision: Sendable, Equatable {
    /// One statement of the document.
    package struct Statement: Sendable, Equatable {
        /// Starts at 0.
        package let index: Int
        package let sid: String?

        package init(index: Int, sid: String?) {
            self.index = index
            self.sid = sid
        }
    }

    case allowed(by: Statement)
    case explicitDeny(by: Statement)
    /// Nothing allows it; the text says what is missing, for the operator.
    case implicitDeny(why: String)

    package var isAllowed: Bool {
        if case .allowed = self { true } else { false }
    }

    /// What an operator reads.
    package var explanation: String {
        switch self {
        case .allowed(let statement): "statement \(Self.name(statement)) allows it"
        case .explicitDeny(let statement): "statement \(Self.name(statement)) denies it"
        case .implicitDeny(let why): why
        }
    }

    private static func name(_ statement: Statement) -> String {
        if let sid = statement.sid, !sid.isEmpty { return "\"\(sid)\"" }
        return "number \(statement.index + 1)"
    }
}
