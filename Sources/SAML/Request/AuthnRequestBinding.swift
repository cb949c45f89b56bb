import Foundation
import XMLSignature

/// Why a request cannot be sent.
package enum AuthnRequestError: String, Error, Sendable {
    /// RelayState is limited to 80 bytes (SAML 2.0 bindings, section 3.4.3).
    case relayStateTooLong = "SAML_RELAY_STATE_TOO_LONG"
    case cannotEncode = "SAML_REQUEST_NOT_ENCODED"
}

/// The fields of a form that the browser posts to the identity provider.
package struct AuthnRequestForm: Sendable, Equatable {
    package let action: String
    /// `SAMLRequest` and, when there is one, `RelayState`, to be escaped by the page.
    package let fields: [Field]

    package struct Field: Sendable, Equatable {
        package let name: String
        package let value: String
    }
}

extension AuthnRequest {
    private static let relayStateBytesMax = 80
    /// A request is about 1 KB; a query longer than this is cut by common proxies.
    private static let queryBytesMax = 8_000

    /// The address to redirect the browser to (HTTP-Redirect, DEFLATE encoding).
    ///
    /// - Throws: `AuthnRequestError`, `XMLParseError`.
    package func redirectURL(relayState: String?) throws -> String {
        try Self.check(relayState)
        guard let compressed = Deflate.compress(try xml()) else {
            throw AuthnRequestError.cannotEncode
        }
        var query = "SAMLRequest=" + Self.queryEscaped(Data(compressed).base64EncodedString())
        if let relayState { query += "&RelayState=" + Self.queryEscaped(relayState) }
        guard query.utf8.count <= Self.queryBytesMax else { throw AuthnRequestError.cannotEncode }
        return destination + (destination.contains("?") ? "&" : "?") + query
    }

    /// The form to post (HTTP-POST).
    ///
    /// - Throws: `AuthnRequestError`, `XMLParseError`.
    package func form(relayState: String?) throws -> AuthnRequestForm {
        try Self.check(relayState)
        var fields = [
            AuthnRequestForm.Field(
                name: "SAMLRequest", value: Data(try xml()).base64EncodedString())
        ]
        if let relayState { fields.append(.init(name: "RelayState", value: relayState)) }
        return AuthnRequestForm(action: destination, fields: fields)
    }

    private static func check(_ relayState: String?) throws {
        guard (relayState?.utf8.count ?? 0) <= relayStateBytesMax else {
            throw AuthnRequestError.relayStateTooLong
        }
    }

    private static func queryEscaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                escaped.append(byte)
            default:
                escaped += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }
}
