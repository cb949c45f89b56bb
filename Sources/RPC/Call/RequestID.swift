/// Makes IDs that name a request in logs. Thirteen characters: a Swift string holds them in place.
enum RequestID {
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// The ID of a 64-bit number, in base 32.
    static func text(_ number: UInt64) -> String {
        String(unsafeUninitializedCapacity: 13) { bytes in
            var rest = number
            for index in 0..<13 {
                bytes[12 - index] = alphabet[Int(rest & 31)]
                rest >>= 5
            }
            return 13
        }
    }

    static func random() -> String { text(UInt64.random(in: .min ... .max)) }
}
