/// A policy in the IAM policy language, compiled for evaluation.
///
/// Parse once, evaluate from any thread. Element names are case-sensitive as in IAM; actions and
/// condition keys are not.
package struct PolicyDocument: Sendable {
    /// What the policy is attached to.
    package enum Kind: Sendable {
        /// To a resource, such as a key: every statement names principals.
        case resource
        /// To a principal: no statement names principals.
        case identity
    }

    /// The longest accepted document (KMS: 32 KiB).
    package static let byteCountMax = 32 * 1024
    static let statementCountMax = 200

    /// `Id`, when the document has one.
    package let id: String?
    let version: String
    let statements: [PolicyStatement]
    let source: [JSONValue]
    let denies: [PolicyStatement]
    let allows: [PolicyStatement]

    /// Condition keys, in lower case, on which a decision may depend.
    package let conditionKeysRead: Set<String>
    /// Whether a decision may be another one later without anything else being different.
    package let readsTime: Bool
    /// Whether a decision may depend on what KMS lets policies ask about a request, beyond who asks
    /// for which action on which key.
    package let readsRequest: Bool

    /// Number of statements.
    package var statementCount: Int { statements.count }

    /// Parses and compiles a document.
    ///
    /// - Parameter json: at most 32 KiB.
    /// - Throws: `PolicyError` naming the first element that is wrong.
    package init(json: String, kind: Kind = .resource) throws {
        guard json.utf8.count <= Self.byteCountMax else {
            throw PolicyError(path: "$", message: "the document is longer than 32 KiB")
        }
        guard case .object(let members) = try JSONValue(parsing: json) else {
            throw PolicyError(path: "$", message: "the document is not a JSON object")
        }
        let known: Set = ["Version", "Id", "Statement"]
        if let unknown = members.keys.filter({ !known.contains($0) }).min() {
            throw PolicyError(path: unknown, message: "there is no such element in a policy")
        }
        version = try Self.version(members["Version"])
        id = try members["Id"].map { value in
            guard case .string(let text) = value else {
                throw PolicyError(path: "Id", message: "expected a string, found \(value.kind)")
            }
            return text
        }
        source = try Self.statementValues(members["Statement"])
        let parser = StatementParser(kind: kind, expandsVariables: version == "2012-10-17")
        statements = try source.enumerated().map { try parser.parse($0.element, index: $0.offset) }
        try Self.checkSids(statements)
        denies = statements.filter { $0.effect == .deny }
        allows = statements.filter { $0.effect == .allow }
        conditionKeysRead = statements.reduce(into: []) { $0.formUnion($1.conditionKeysRead) }
        readsTime = !conditionKeysRead.isDisjoint(with: ["aws:currenttime", "aws:epochtime"])
        readsRequest = conditionKeysRead.contains {
            $0.hasPrefix("kms:") && !Self.keysOfKeyAndCaller.contains($0)
        }
    }

    /// Condition keys of KMS that are the same in all requests of one caller about one key.
    private static let keysOfKeyAndCaller: Set<String> = [
        "kms:calleraccount", "kms:keyorigin", "kms:keyspec", "kms:keyusage", "kms:multiregion",
        "kms:multiregionkeytype", "kms:resourcealiases", "kms:viaservice",
    ]

    private static func version(_ value: JSONValue?) throws -> String {
        switch value {
        case nil: return "2008-10-17"
        case .string("2008-10-17"): return "2008-10-17"
        case .string("2012-10-17"): return "2012-10-17"
        default:
            throw PolicyError(path: "Version", message: "expected 2012-10-17 or 2008-10-17")
        }
    }

    private static func statementValues(_ value: JSONValue?) throws -> [JSONValue] {
        switch value {
        case .array(let values) where (1...statementCountMax).contains(values.count): return values
        case .object: return value.map { [$0] } ?? []
        case .array:
            throw PolicyError(
                path: "Statement", message: "expected 1 to \(statementCountMax) statements")
        case nil: throw PolicyError(path: "Statement", message: "the element is missing")
        case .some(let other):
            throw PolicyError(
                path: "Statement",
                message: "expected an object or an array of objects, found \(other.kind)")
        }
    }

    private static func checkSids(_ statements: [PolicyStatement]) throws {
        var seen: Set<String> = []
        for statement in statements {
            guard let sid = statement.sid, !sid.isEmpty else { continue }
            guard seen.insert(sid).inserted else {
                throw PolicyError(
                    path: "Statement[\(statement.index)].Sid",
                    message: "another statement has the Sid \"\(sid)\"")
            }
        }
    }
}
