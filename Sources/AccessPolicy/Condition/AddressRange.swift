#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A CIDR block or a single address, IPv4 or IPv6.
struct AddressRange: Sendable {
    private let address: [UInt8]
    private let prefixBitCount: Int

    /// Nil when the text is neither an address nor a block.
    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = Self.address(String(first)) else { return nil }
        self.address = address
        let bitCount = address.count * 8
        if parts.count == 1 {
            prefixBitCount = bitCount
        } else {
            let digits = parts[1]
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(digits),
                (0...bitCount).contains(count)
            else { return nil }
            prefixBitCount = count
        }
    }

    /// 4 or 16 bytes, or nil when the text is no address.
    static func address(_ text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            return withUnsafeBytes(of: &four) { Array($0) }
        }
        var six = in6_addr()
        if inet_pton(AF_INET6, text, &six) == 1 {
            return withUnsafeBytes(of: &six) { Array($0) }
        }
        return nil
    }

    func contains(_ other: [UInt8]) -> Bool {
        guard other.count == address.count else { return false }
        let wholeBytes = prefixBitCount / 8
        guard address[..<wholeBytes] == other[..<wholeBytes] else { return false }
        let restBits = prefixBitCount % 8
        guard restBits > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF << (8 - restBits))
        return address[wholeBytes] & mask == other[wholeBytes] & mask
    }
}
