import Cryptography
import Foundation
import HTTPTypes
import Hummingbird

/// The one check that every form of a signed-in person passes: it was sent by a page of this
/// portal, in this session.
struct CrossSiteGuard: Sendable {
    /// "https://host:port" of this portal.
    let origin: String

    /// Throws: `PortalFailure` CROSS_SITE_REQUEST.
    func check(_ request: Request, form: Form, sessionToken: String) throws {
        guard isSameOrigin(request) else { throw PortalFailure.crossSite }
        let expected = Array(Self.token(for: sessionToken).utf8)
        guard constantTimeEquals(expected, Array(form["csrf"].utf8)) else {
            throw PortalFailure.crossSite
        }
    }

    /// Browsers send Origin with every POST; one without it (or "null") is refused.
    func isSameOrigin(_ request: Request) -> Bool {
        if let site = request.headers[.fetchSite], site != "same-origin" { return false }
        return request.headers[.origin] == origin
    }

    /// Derived from the session token, which no other site can read; the same in every process.
    static func token(for sessionToken: String) -> String {
        let input = Array("portolan csrf 1\n\(sessionToken)".utf8)
        guard let hash = try? SHA256.hash(input) else { preconditionFailure("SHA-256 is missing") }
        return Base64URL.encode(hash)
    }

    /// The origin of an https URL, "https://host[:port]".
    static func origin(of url: String) -> String? {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme,
            ["https", "http"].contains(scheme), let host = parts.host, !host.isEmpty
        else { return nil }
        return "\(scheme)://\(host)\(parts.port.map { ":\($0)" } ?? "")"
    }
}

/// Base64 in the alphabet of URLs, without padding (RFC 4648, section 5).
enum Base64URL {
    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text = [UInt8](Data(bytes).base64EncodedData())
        while text.last == UInt8(ascii: "=") { text.removeLast() }
        for index in text.indices {
            switch text[index] {
            case UInt8(ascii: "+"): text[index] = UInt8(ascii: "-")
            case UInt8(ascii: "/"): text[index] = UInt8(ascii: "_")
            default: break
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        guard text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "/") }) else {
            return nil
        }
        var base64 = text.replacingOccurrences(of: "-", with: "+")
            .replacingOccurrences(of: "_", with: "/")
        base64 += String(repeating: "=", count: (4 - base64.count % 4) % 4)
        return Data(base64Encoded: base64).map(Array.init)
    }
}
