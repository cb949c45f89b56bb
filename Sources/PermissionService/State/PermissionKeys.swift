import Contracts

/// A person or a group that something is assigned to.
struct Principal: Hashable, Sendable, Comparable {
    let isGroup: Bool
    let id: String

    init(isGroup: Bool, id: String) {
        self.isGroup = isGroup
        self.id = id
    }

    /// Nil for an unspecified type.
    init?(_ type: PermissionPrincipalType, _ id: String) {
        switch type {
        case .user: self.init(isGroup: false, id: id)
        case .group: self.init(isGroup: true, id: id)
        default: return nil
        }
    }

    var text: String { "\(isGroup ? "g" : "u")/\(id)" }

    static func < (a: Principal, b: Principal) -> Bool { a.text < b.text }
}

/// Names one account assignment.
struct AssignmentKey: Hashable, Sendable, Comparable {
    let accountID: String
    let permissionSetARN: String
    let principal: Principal

    static func < (a: AssignmentKey, b: AssignmentKey) -> Bool { a.recordKey < b.recordKey }

    var role: RoleKey { RoleKey(accountID: accountID, permissionSetARN: permissionSetARN) }

    var recordKey: String {
        RecordKey.assignment(accountID, ARN.resourceID(permissionSetARN), principal)
    }
}

/// A permission set in an account.
struct RoleKey: Hashable, Sendable {
    let accountID: String
    let permissionSetARN: String
}

/// Keys of the log's domains "permission" and "application".
enum RecordKey {
    static func account(_ id: String) -> String { "account/\(id)" }
    static func permissionSet(_ arn: String) -> String { "permission-set/\(ARN.resourceID(arn))" }
    static func application(_ arn: String) -> String { "application/\(ARN.resourceID(arn))" }

    static func assignment(_ account: String, _ set: String, _ principal: Principal) -> String {
        "assignment/\(account)/\(set)/\(principal.text)"
    }

    static func applicationAssignment(_ arn: String, _ principal: Principal) -> String {
        "application-assignment/\(ARN.resourceID(arn))/\(principal.text)"
    }
}

/// ARNs of this service's resources (patterns: sso-admin model).
enum ARN {
    /// What stands behind the last slash: "ps-…", "apl-…".
    static func resourceID(_ arn: String) -> String {
        arn.split(separator: "/").last.map(String.init) ?? arn
    }

    /// "ssoins-…" of the instance's ARN.
    static func permissionSet(instanceARN: String) -> String {
        "arn:aws:sso:::permissionSet/\(resourceID(instanceARN))/ps-\(randomHex())"
    }

    static func application(instanceARN: String, accountID: String) -> String {
        "arn:aws:sso::\(accountID):application/\(resourceID(instanceARN))/apl-\(randomHex())"
    }

    /// 16 hex digits.
    static func randomHex() -> String {
        let hex = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - hex.count) + hex
    }
}
