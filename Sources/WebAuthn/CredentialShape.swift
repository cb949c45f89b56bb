/// The one form that a new credential's public key has in canonical CBOR, for each algorithm.
///
/// libcbor allocates as many elements as an array or map says that it has, before it has seen one: five bytes
/// can cost gigabytes. So nothing reaches it that does not have one of these forms, byte for byte where
/// the form is fixed, and what follows the key is cut off.
///
/// Source: Web Authentication Level 2, section 6.5.1 (attested credential data); CTAP 2.1, section 8
/// (canonical CBOR); RFC 8152 and RFC 8230 (COSE keys).
struct CredentialShape: Sendable {
    private enum Part {
        case fixed([UInt8])
        case any(Int)
    }

    /// Where the length of the credential ID is, and where the ID begins.
    private static let lengthOffset = 53
    private static let idOffset = 55
    private static let extensionFlag: UInt8 = 0x80

    private static let forms: [(KeyAlgorithm, [Part])] = [
        (
            .es256,
            [
                .fixed([0xA5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]), .any(32),
                .fixed([0x22, 0x58, 0x20]), .any(32),
            ]
        ),
        (
            .eddsa,
            [.fixed([0xA4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20]), .any(32)]
        ),
        (
            .rs256,
            [
                .fixed([0xA4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59, 0x01, 0x00]),
                .any(256), .fixed([0x21, 0x43]), .any(3),
            ]
        ),
    ]

    let algorithm: KeyAlgorithm
    /// The authenticator data up to the end of the key, without extensions. No attestation is asked
    /// for, so nothing of it is signed.
    let readable: [UInt8]

    init(_ data: [UInt8]) throws(KeyRefusal) {
        guard data.count > Self.idOffset else { throw .authenticatorDataMalformed }
        let length = Int(data[Self.lengthOffset]) << 8 | Int(data[Self.lengthOffset + 1])
        let start = Self.idOffset + length
        guard (1...RegisteredKey.credentialBytesMax).contains(length), data.count > start else {
            throw .authenticatorDataMalformed
        }
        for (algorithm, parts) in Self.forms {
            guard let end = Self.end(of: parts, in: data, from: start) else { continue }
            self.algorithm = algorithm
            var readable = Array(data[..<end])
            readable[32] &= ~Self.extensionFlag
            self.readable = readable
            return
        }
        throw .unsupportedAlgorithm
    }

    /// Where the form ends; nil when the bytes do not have it.
    private static func end(of parts: [Part], in data: [UInt8], from start: Int) -> Int? {
        var place = start
        for part in parts {
            switch part {
            case .fixed(let bytes):
                guard data.dropFirst(place).starts(with: bytes) else { return nil }
                place += bytes.count
            case .any(let count):
                guard data.count - place >= count else { return nil }
                place += count
            }
        }
        return place
    }
}
