import HTTPTypes
import Hummingbird

/// The two cookies of the portal. Both are host-only, secure and out of reach of scripts.
enum PortalCookie {
    static let session = "__Host-portolan-session"
    /// Ties a sign-in under way to the browser that began it.
    static let signIn = "__Host-portolan-sign-in"

    /// Lax: links from elsewhere find the person signed in, forms from elsewhere do not.
    static func session(_ token: String, seconds: Int) -> String {
        "\(session)=\(token); Path=/; Max-Age=\(seconds); Secure; HttpOnly; SameSite=Lax"
    }

    /// None: the identity provider's form comes from its own site and must bring this cookie along.
    static func signIn(_ secret: String, seconds: Int) -> String {
        "\(signIn)=\(secret); Path=/; Max-Age=\(seconds); Secure; HttpOnly; SameSite=None"
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
