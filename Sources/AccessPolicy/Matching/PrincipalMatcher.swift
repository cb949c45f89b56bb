/// The `Principal` or `NotPrincipal` of a statement.
struct PrincipalMatcher: Sendable {
    /// How a principal fits.
    enum Fit: Sendable {
        /// Named itself (or by "*").
        case direct
        /// By its account, which leaves the decision to the account's own identity policies.
        case byAccount
    }

    private let negated: Bool
    private let isAnyone: Bool
    private let arns: [String]
    private let accounts: [String]
    private let services: [String]
    private let federated: [String]
    private let hasAnyService: Bool

    /// - Throws: `PolicyError` for an unknown kind of principal or a malformed one.
    init(_ value: JSONValue, negated: Bool, path: String) throws {
        self.negated = negated
        var anyone = value == .string("*")
        var members: [String: JSONValue] = [:]
        if case .object(let object) = value { members = object }
        guard anyone || !members.isEmpty else {
            throw PolicyError(
                path: path, message: "expected \"*\" or an object such as {\"Service\": …}")
        }
        var lists: (arns: [String], accounts: [String]) = ([], [])
        var services: [String] = []
        var federated: [String] = []
        for (type, value) in members {
            let texts = try StatementParser.strings(value, "\(path).\(type)")
            switch type {
            case "AWS":
                for (text, path) in texts {
                    if text == "*" {
                        anyone = true
                    } else if let account = Self.accountOfRoot(text) {
                        lists.accounts.append(account)
                    } else {
                        lists.arns.append(try Self.checkedARN(text, path))
                    }
                }
            case "Service":
                services += try texts.map { try Self.checkedService($0.text, $0.path) }
            case "Federated", "CanonicalUser": federated += texts.map(\.text)
            default:
                throw PolicyError(
                    path: "\(path).\(type)",
                    message: "expected AWS, Service, Federated or CanonicalUser")
            }
        }
        isAnyone = anyone
        arns = lists.arns
        accounts = lists.accounts
        hasAnyService = services.contains("*")
        self.services = services
        self.federated = federated
    }

    /// How the principal fits, or nil when the statement is not about it.
    func fit(_ principal: PolicyRequest.Principal) -> Fit? {
        let fit = listed(principal)
        if negated { return fit == nil ? .direct : nil }
        return fit
    }

    private func listed(_ principal: PolicyRequest.Principal) -> Fit? {
        if isAnyone { return .direct }
        switch principal {
        case .service(let name):
            return hasAnyService || services.contains(name) ? .direct : nil
        case .account(let caller):
            if arns.contains(caller.arn) { return .direct }
            if let role = caller.roleARN, arns.contains(role) { return .direct }
            guard accounts.contains(caller.accountID) else { return nil }
            return caller.isRoot ? .direct : .byAccount
        case .federated(let provider): return federated.contains(provider) ? .direct : nil
        case .anonymous: return nil
        }
    }

    /// The account of "123456789012" or "arn:aws:iam::123456789012:root".
    private static func accountOfRoot(_ text: String) -> String? {
        if isAccountID(text) { return text }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[3].isEmpty,
            parts[5] == "root", isAccountID(String(parts[4]))
        else { return nil }
        return String(parts[4])
    }

    static func isAccountID(_ text: String) -> Bool {
        text.utf8.count == 12 && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func checkedARN(_ text: String, _ path: String) throws -> String {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", ["iam", "sts"].contains(parts[2]),
            isAccountID(String(parts[4])), !parts[5].isEmpty
        else {
            throw PolicyError(
                path: path,
                message: "\"\(text)\" is not \"*\", an account ID or the ARN of a principal")
        }
        guard !text.contains(where: { $0 == "*" || $0 == "?" }) else {
            throw PolicyError(
                path: path, message: "a principal cannot hold wildcards; use a condition instead")
        }
        return text
    }

    private static func checkedService(_ text: String, _ path: String) throws -> String {
        let wellFormed = text.contains(".") && !text.contains { "*? /:".contains($0) }
        guard text == "*" || wellFormed else {
            throw PolicyError(
                path: path, message: "\"\(text)\" is not a service such as \"sso.amazonaws.com\"")
        }
        return text
    }
}
