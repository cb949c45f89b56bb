import Cryptography
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// A request signed with AWS Signature Version 4, before anything about it is believed.
///
/// Source: "Signature Version 4 for API requests" of the IAM User Guide; the form with headers only,
/// and the whole body is signed.
struct UnverifiedSignature: Sendable {
    /// As at AWS.
    static let clockSkewMax: TimeInterval = 300
    static let signedHeadersMax = 32
    private static let algorithm = "AWS4-HMAC-SHA256"

    let accessKeyID: String
    let scope: SigningScope
    let signedHeaders: [String]
    let signature: [UInt8]
    /// X-Amz-Date, "yyyymmddThhmmssZ".
    let date: String
    let sessionToken: String

    /// Reads the headers.
    ///
    /// Throws: `AdmissionRefusal` missing or incomplete.
    init(_ request: Request) throws {
        guard let header = request.headers[.authorization], !header.isEmpty else {
            throw AdmissionRefusal.missing
        }
        guard header.hasPrefix("\(Self.algorithm) "), header.utf8.count <= 4_096 else {
            throw AdmissionRefusal.incomplete("Authorization is to begin with \(Self.algorithm).")
        }
        let parts = try Self.parts(header.dropFirst(Self.algorithm.utf8.count + 1))
        (accessKeyID, scope) = try Self.credential(parts["Credential"] ?? "")
        guard let signature = Self.bytes(hex: parts["Signature"] ?? "") else {
            throw AdmissionRefusal.incomplete("Signature is to be 64 hexadecimal digits.")
        }
        self.signature = signature
        guard let date = request.headers[.amazonDate] else {
            throw AdmissionRefusal.incomplete("The request has no X-Amz-Date.")
        }
        self.date = date
        sessionToken = request.headers[.amazonSecurityToken] ?? ""
        signedHeaders = (parts["SignedHeaders"] ?? "").split(separator: ";").map(String.init)
        try checkSignedHeaders(request)
    }

    /// "Credential=…, SignedHeaders=…, Signature=…", each once.
    private static func parts(_ text: Substring) throws -> [String: String] {
        var parts: [String: String] = [:]
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2,
                parts.updateValue(
                    String(pair[1]), forKey: pair[0].trimmingCharacters(in: .whitespaces)) == nil
            else { throw AdmissionRefusal.incomplete("Authorization is malformed.") }
        }
        return parts
    }

    private static func credential(_ text: String) throws -> (String, SigningScope) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5, parts[4] == "aws4_request", !parts[0].isEmpty else {
            throw AdmissionRefusal.incomplete(
                "Credential is to be <access key ID>/<day>/<Region>/<service>/aws4_request.")
        }
        return (parts[0], SigningScope(day: parts[1], region: parts[2], service: parts[3]))
    }

    /// Host, date and everything of AWS' own in the headers are signed: what the request means
    /// must not be open to change on the way.
    private func checkSignedHeaders(_ request: Request) throws {
        let signed = Set(signedHeaders)
        guard signed.count == signedHeaders.count, signedHeaders.count <= Self.signedHeadersMax
        else { throw AdmissionRefusal.incomplete("SignedHeaders is malformed.") }
        let needed =
            ["host", "x-amz-date"]
            + request.headers.map(\.name.canonicalName).filter { $0.hasPrefix("x-amz-") }
        if let missing = needed.first(where: { !signed.contains($0) }) {
            throw AdmissionRefusal.incomplete("The header \(missing.prefix(64)) is not signed.")
        }
    }

    /// Throws: `AdmissionRefusal` notTimely unless the date is within five minutes of now and belongs
    /// to the scope's day.
    func checkTime(now: Date) throws {
        guard date.hasPrefix(scope.day), let signedAt = AmazonDate.parse(date) else {
            throw AdmissionRefusal.notTimely(
                "X-Amz-Date and the day of the credential scope do not belong together.")
        }
        let offset = now.timeIntervalSince(signedAt)
        let text = AmazonDate.text(now)
        if offset > Self.clockSkewMax {
            throw AdmissionRefusal.notTimely(
                "Signature expired: \(date) is more than 5 minutes before \(text).")
        }
        if offset < -Self.clockSkewMax {
            throw AdmissionRefusal.notTimely(
                "Signature not yet current: \(date) is more than 5 minutes after \(text).")
        }
    }

    /// Whether the signature was made with this secret over this request. Constant time in the
    /// signature.
    func isValid(_ request: Request, body: ByteBuffer, secretAccessKey: String) -> Bool {
        var headers: [String: [String]] = [:]
        for name in signedHeaders {
            guard let values = values(of: name, in: request) else { return false }
            headers[name] = values
        }
        let canonical = CanonicalRequest(
            method: request.method.rawValue, path: request.uri.path, query: request.uri.query ?? "",
            headers: headers, bodyHash: hexHash(bytes: Array(body.readableBytesView)))
        let expected = scope.signature(
            of: canonical, date: date, secretAccessKey: secretAccessKey)
        return constantTimeEquals(expected, signature)
    }

    /// Nil when a signed header is missing from the request.
    private func values(of name: String, in request: Request) -> [String]? {
        if name == "host", request.headers[values: Self.host].isEmpty {
            return request.head.authority.map { [$0] }
        }
        guard let field = HTTPField.Name(name) else { return nil }
        let values = request.headers[values: field]
        return values.isEmpty ? nil : values
    }

    private static let host = HTTPField.Name.name("Host")

    private static func bytes(hex: String) -> [UInt8]? {
        guard hex.utf8.count == 64, hex.allSatisfy(\.isHexDigit) else { return nil }
        var bytes: [UInt8] = []
        var rest = Substring(hex)
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}

/// Times as in X-Amz-Date: "20150830T123600Z".
enum AmazonDate {
    static func parse(_ text: String) -> Date? {
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

    static func text(_ date: Date) -> String {
        Display.rfc3339(microseconds: date.microseconds).filter { $0 != "-" && $0 != ":" }
    }
}
