import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The fields of a form or a query. A name sent twice is refused, so that no two readers can
/// disagree about which one counts.
struct Form: Sendable {
    static let fieldCountMax = 64
    private let fields: [String: String]

    init(_ fields: [String: String] = [:]) { self.fields = fields }

    /// Reads `application/x-www-form-urlencoded` text.
    ///
    /// Throws: `PortalFailure` FORM_MALFORMED.
    init(encoded text: String) throws {
        var text = text
        fields = try text.withUTF8 { bytes in
            var fields: [String: String] = [:]
            let pairs = bytes.split(separator: UInt8(ascii: "&"))
            guard pairs.count <= Self.fieldCountMax else { throw Self.malformed }
            for pair in pairs {
                let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
                guard let name = Self.decode(pair[..<equals]),
                    let value = Self.decode(pair[equals...].dropFirst()),
                    fields.updateValue(value, forKey: name) == nil
                else { throw Self.malformed }
            }
            return fields
        }
    }

    subscript(_ name: String) -> String { fields[name] ?? "" }
    var names: [String] { fields.keys.sorted() }

    func has(_ name: String) -> Bool { fields[name] != nil }

    /// One pass: an assertion has ten thousand bytes. Nil when `%` is not followed by two digits, or what
    /// is encoded is no UTF-8.
    private static func decode(_ encoded: Slice<UnsafeBufferPointer<UInt8>>) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encoded.count)
        var rest = encoded[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(digit),
                    let low = rest.popFirst().flatMap(digit)
                else { return nil }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static var malformed: PortalFailure {
        .badRequest("The form is malformed.", code: "FORM_MALFORMED")
    }
}

extension Request {
    /// Fields of the query.
    func queryForm() throws -> Form { try Form(encoded: uri.query ?? "") }

    /// Fields of the body, at most `bytesMax` of it.
    func form(bytesMax: Int = 16 << 10) async throws -> Form {
        let type = headers[.contentType] ?? ""
        guard type.lowercased().hasPrefix("application/x-www-form-urlencoded") else {
            throw PortalFailure.badRequest("A form is expected here.", code: "FORM_EXPECTED")
        }
        return try Form(encoded: String(buffer: try await boundedBody(bytesMax)))
    }

    /// The body, refused before it is read when it says that it is larger, and as soon as it is.
    ///
    /// A body that comes in drops is given up after `time`; one that stops coming ends with the
    /// idle connection.
    func boundedBody(_ bytesMax: Int, within time: Duration = .seconds(30)) async throws
        -> ByteBuffer
    {
        let start = ContinuousClock.now
        if let length = headers[.contentLength].flatMap({ Int($0) }), length > bytesMax {
            throw PortalFailure.tooLarge(bytesMax)
        }
        var collected = ByteBuffer()
        for try await part in body {
            guard ContinuousClock.now - start <= time else { throw PortalFailure.tooSlow }
            guard collected.readableBytes + part.readableBytes <= bytesMax else {
                throw PortalFailure.tooLarge(bytesMax)
            }
            collected.writeImmutableBuffer(part)
        }
        return collected
    }
}

extension Response {
    static func redirect(_ location: String) -> Response {
        Response(status: .seeOther, headers: [.location: location])
    }
}

/// Percent-encodes one value of a query.
func queryEncoded(_ text: String) -> String {
    text.addingPercentEncoding(withAllowedCharacters: .queryValue) ?? ""
}

extension CharacterSet {
    /// RFC 3986 unreserved characters.
    fileprivate static let queryValue = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
}
