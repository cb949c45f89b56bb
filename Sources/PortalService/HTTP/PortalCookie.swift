import HTTPTypes
import Hummingbird

/// The cookies of the portal. All are host-only, secure and out of reach of scripts.
enum PortalCookie {
    static let session = "__Host-portolan-session"
    /// Ties a sign-in under way to the browser that began it.
    static let signIn = "__Host-portolan-sign-in"
    /// Ties a security key's challenge to the browser that asked for it.
    static let securityKey = "__Host-portolan-security-key"

    /// Lax: links from elsewhere find the person signed in, forms from elsewhere do not.
    static func session(_ token: String, seconds: Int) -> String {
        "\(session)=\(token); Path=/; Max-Age=\(seconds); Secure; HttpOnly; SameSite=Lax"
    }

    /// None: the identity provider's form comes from its own site and must bring this cookie along.
    static func signIn(_ secret: String, seconds: Int) -> String {
        "\(signIn)=\(secret); Path=/; Max-Age=\(seconds); Secure; HttpOnly; SameSite=None"
    }

    static func securityKey(_ secret: String) -> String {
        "\(securityKey)=\(secret); Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Strict"
    }

    static var endedSession: String {
        "\(session)=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
    }
}

extension Request {
    /// A cookie's value; nil when it is absent or sent more than once.
    func cookie(_ name: String) -> String? {
        let values = headers[values: .cookie].flatMap { $0.split(separator: ";") }
            .map { $0.trimmingPrefix(while: \.isWhitespace) }
            .filter { $0.hasPrefix(name + "=") }
        guard values.count == 1, let only = values.first else { return nil }
        let value = String(only.dropFirst(name.utf8.count + 1))
        return value.isEmpty ? nil : value
    }
}

extension Response {
    mutating func addCookie(_ text: String) {
        headers.append(HTTPField(name: .setCookie, value: text))
    }
}
