/// UUIDs of version 7 (RFC 9562): they begin with the time, so that whatever is sorted by them grows at
/// its end, and writing many touches few pages of a database. The other 74 bits are random.
package struct TimeOrderedUUID: Sendable {
    /// The first 16 hexadecimal digits: milliseconds since 1970, version, 12 random bits.
    package let high: UInt64
    /// The last 16: variant, 62 random bits.
    package let low: UInt64

    /// One made at that moment, in microseconds since 1970; what is before counts as 1970.
    package init(atMicroseconds time: Int64) {
        let milliseconds = UInt64(max(0, time / 1_000)) & 0xffff_ffff_ffff
        var generator = SystemRandomNumberGenerator()
        let random: UInt64 = generator.next()
        high = milliseconds << 16 | 0x7000 | random & 0x0fff
        low = generator.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
    }

    /// Lower-case text of 36 characters.
    package var text: String { Self.text(high, low) }

    /// The text of any UUID, from its two halves.
    package static func text(_ high: UInt64, _ low: UInt64) -> String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = digit < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - digit % 16 * 4) & 15)
                buffer[position] =
                    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
                position += 1
            }
            return position
        }
    }
}
