import Foundation
import ReplicatedState
import ServiceKit

/// A UUID as two numbers: 16 bytes where a string would take 64.
struct Identifier: Hashable, Comparable, Sendable {
    let high: UInt64
    let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new one, which comes after those that were made before: users that are created one after the
    /// other then lie side by side in the log's index of keys, and in that of every copy.
    static func new() -> Identifier {
        let made = TimeOrderedUUID(atMicroseconds: Timestamp.nowMicroseconds)
        return Identifier(high: made.high, low: made.low)
    }

    /// Reads the usual text of 36 characters, in either case.
    init?(_ text: some Collection<UInt8>) {
        guard text.count == 36 else { return nil }
        var numbers: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (index, byte) in text.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Self.digit(byte) else { return nil }
            if digits < 16 {
                numbers.0 = numbers.0 << 4 | digit
            } else {
                numbers.1 = numbers.1 << 4 | digit
            }
            digits += 1
        }
        self.init(high: numbers.0, low: numbers.1)
    }

    /// The same from bytes that are lent, which is how reads name whom they want: eight digits at a
    /// time.
    init?(_ text: UnsafeRawBufferPointer) {
        guard text.count == 36 else { return nil }
        let dash = UInt8(ascii: "-")
        guard text[8] == dash, text[13] == dash, text[18] == dash, text[23] == dash else {
            return nil
        }
        func four(_ offset: Int) -> UInt64 {
            UInt64(UInt32(bigEndian: text.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
        guard let first = Self.digits(four(0) << 32 | four(4)),
            let second = Self.digits(four(9) << 32 | four(14)),
            let third = Self.digits(four(19) << 32 | four(24)),
            let fourth = Self.digits(four(28) << 32 | four(32))
        else { return nil }
        self.init(high: first << 32 | second, low: third << 32 | fourth)
    }

    /// The number that eight hexadecimal digits stand for, one in each byte, the first on top.
    private static func digits(_ text: UInt64) -> UInt64? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let letters = text >> 6 & ones
        let values = (text & (ones * 0x0f)) + letters * 9
        let isLetter = (values + ones * 6) >> 4 & ones
        // Only digits give themselves back.
        let again = values + ones * 0x30 + isLetter * 39
        guard values & (ones * 0xf0) == 0, again == text | letters << 5 else { return nil }
        var packed = (values | values >> 4) & 0x00ff_00ff_00ff_00ff
        packed = (packed | packed >> 8) & 0x0000_ffff_0000_ffff
        return (packed | packed >> 16) & 0xffff_ffff
    }

    init?(_ text: String) {
        var text = text
        let parsed = text.withUTF8 { Identifier(UnsafeRawBufferPointer($0)) }
        guard let parsed else { return nil }
        self = parsed
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// When it was made, in microseconds since 1970 and exact to the millisecond; 0 for one of a kind
    /// that does not say.
    var createdAtMicroseconds: Int64 {
        high >> 12 & 0xf == 7 ? Int64(high >> 16) * 1_000 : 0
    }

    /// Lower-case text.
    var text: String { TimeOrderedUUID.text(high, low) }

    static func < (one: Identifier, other: Identifier) -> Bool {
        (one.high, one.low) < (other.high, other.low)
    }
}
