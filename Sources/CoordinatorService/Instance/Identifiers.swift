/// Identifiers in the forms that AWS gives them.
enum Identifiers {
    static func instanceARN() -> String {
        "arn:aws:sso:::instance/ssoins-" + random(16, of: "0123456789abcdef")
    }

    static func identityStoreID() -> String { "d-" + random(10, of: "0123456789abcdef") }

    static func organizationID() -> String {
        "o-" + random(10, of: "abcdefghijklmnopqrstuvwxyz0123456789")
    }

    static func logID() -> String {
        [8, 4, 4, 4, 12].map { random($0, of: "0123456789abcdef") }.joined(separator: "-")
    }

    static func isAccountID(_ text: String) -> Bool {
        text.utf8.count == 12 && text.utf8.allSatisfy { (48...57).contains($0) }
    }

    private static func random(_ count: Int, of alphabet: String) -> String {
        let characters = Array(alphabet)
        return String((0..<count).map { _ in characters[Int.random(in: 0..<characters.count)] })
    }
}
