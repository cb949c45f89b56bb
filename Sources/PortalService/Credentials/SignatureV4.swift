import Crypto
import Cryptography
import Foundation
import HTTPTypes
import Hummingbird

/// A request signed with AWS Signature Version 4, before anything about it is believed.
///
/// Source: "Create a signed AWS API request" of the IAM User Guide; header form only.
struct UnverifiedSignature: Sendable {
    static let clockSkewMax: TimeInterval = 900
    static let signedHeadersMax = 32

    let accessKeyID: String
    /// yyyymmdd, Region, service.
    let scope: [String]
    let signedHeaders: [String]
    let signature: String
    /// X-Amz-Date, "yyyymmddThhmmssZ".
    let date: String
    let sessionToken: String

    /// Reads the headers; nil when the request carries no well-formed signature.
    init?(_ request: Request) {
        guard let header = request.headers[.authorization],
            header.hasPrefix("AWS4-HMAC-SHA256 "), header.utf8.count <= 4_096
        else { return nil }
        var parts: [String: String] = [:]
        for part in header.dropFirst("AWS4-HMAC-SHA256 ".count).split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { return nil }
            parts[pair[0].trimmingCharacters(in: .whitespaces)] = String(pair[1])
        }
        let credential = (parts["Credential"] ?? "").split(separator: "/").map(String.init)
        guard credential.count == 5, credential[4] == "aws4_request",
            let signature = parts["Signature"], let names = parts["SignedHeaders"],
            let date = request.headers[.amazonDate]
        else { return nil }
        accessKeyID = credential[0]
        scope = Array(credential[1...3])
        signedHeaders = names.split(separator: ";").map(String.init)
        guard signedHeaders.count <= Self.signedHeadersMax, signedHeaders.contains("host"),
            signedHeaders.contains("x-amz-date")
        else { return nil }
        self.signature = signature
        self.date = date
        sessionToken = request.headers[.amazonSecurityToken] ?? ""
    }

    /// Whether the date is within 15 minutes of now and belongs to the scope's day.
    func isTimely(now: Date) -> Bool {
        guard date.hasPrefix(scope[0]), let signedAt = Self.parse(date) else { return false }
        return abs(now.timeIntervalSince(signedAt)) <= Self.clockSkewMax
    }

    /// Whether the signature was made with this secret over this request. Constant time in the
    /// signature.
    func isValid(_ request: Request, body: ByteBuffer, secretAccessKey: String) -> Bool {
        guard let canonical = canonicalRequest(request, body: body) else { return false }
        let scopeText = (scope + ["aws4_request"]).joined(separator: "/")
        let text = ["AWS4-HMAC-SHA256", date, scopeText, hexHash(canonical)]
            .joined(separator: "\n")
        var key = SymmetricKey(data: Data("AWS4\(secretAccessKey)".utf8))
        for part in scope + ["aws4_request"] {
            key = SymmetricKey(
                data: Data(HMAC<Crypto.SHA256>.authenticationCode(for: Data(part.utf8), using: key))
            )
        }
        let expected = HMAC<Crypto.SHA256>.authenticationCode(for: Data(text.utf8), using: key)
        guard let given = Self.bytes(hex: signature) else { return false }
        return constantTimeEquals(Array(expected), given)
    }

    /// Nil when a signed header is missing from the request.
    private func canonicalRequest(_ request: Request, body: ByteBuffer) -> String? {
        var headers = ""
        for name in signedHeaders.sorted() {
            guard let value = value(of: name, in: request) else { return nil }
            headers += "\(name):\(value)\n"
        }
        let query = (request.uri.query ?? "").split(separator: "&").map { pair in
            pair.contains("=") ? String(pair) : "\(pair)="
        }.sorted().joined(separator: "&")
        return [
            request.method.rawValue, request.uri.path, query, headers,
            signedHeaders.sorted().joined(separator: ";"),
            hexHash(String(buffer: body)),
        ].joined(separator: "\n")
    }

    private func value(of name: String, in request: Request) -> String? {
        if name == "host", request.headers[values: Self.host].isEmpty {
            return request.head.authority
        }
        guard let field = HTTPField.Name(name) else { return nil }
        let values = request.headers[values: field]
        guard !values.isEmpty else { return nil }
        return values.map { value in
            value.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
        }.joined(separator: ",")
    }

    private static let host = HTTPField.Name.name("Host")

    private static func bytes(hex: String) -> [UInt8]? {
        guard hex.utf8.count == 64 else { return nil }
        var bytes: [UInt8] = []
        var rest = Substring(hex)
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    private static func parse(_ text: String) -> Date? {
        guard text.wholeMatch(of: /[0-9]{8}T[0-9]{6}Z/) != nil else { return nil }
        let digits = text.filter(\.isNumber)
        func number(_ start: Int, _ count: Int) -> Int? {
            Int(digits.dropFirst(start).prefix(count))
        }
        var parts = DateComponents()
        parts.year = number(0, 4)
        parts.month = number(4, 2)
        parts.day = number(6, 2)
        parts.hour = number(8, 2)
        parts.minute = number(10, 2)
        parts.second = number(12, 2)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar.date(from: parts)
    }
}
