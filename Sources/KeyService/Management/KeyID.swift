import Cryptography
import ServiceKit

/// IDs of keys, made here.
enum KeyID {
    /// "mrk-" and 32 hexadecimal digits for a multi-Region key, else a UUID (version 4).
    static func random(isMultiRegion: Bool) throws -> String {
        var bytes = try Random.bytes(16)
        if isMultiRegion { return "mrk-" + bytes.hexadecimal }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        return [bytes[0..<4], bytes[4..<6], bytes[6..<8], bytes[8..<10], bytes[10..<16]]
            .map(\.hexadecimal).joined(separator: "-")
    }

    /// Whether a text has the form of a multi-Region key's ID.
    static func isMultiRegion(_ text: String) -> Bool {
        let digits = text.utf8.dropFirst(4)
        return text.hasPrefix("mrk-") && digits.count == 32
            && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
