import ServiceKit

/// A UUID of version 4 (RFC 9562), as text in lower case.
///
/// From the system's generator; Foundation's opens a file for each.
enum RandomID {
    static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        let high: UInt64 = generator.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low: UInt64 = generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return TimeOrderedUUID.text(high, low)
    }
}
