import Foundation

/// An IP address, in one notation for each.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes. An IPv4 address in the notation of IPv6 is one of IPv4.
    let bytes: [UInt8]

    /// Nil for what is no address; names are not looked up.
    public init?(_ text: String) {
        var short = in_addr()
        var long = in6_addr()
        if inet_pton(AF_INET, text, &short) == 1 {
            bytes = withUnsafeBytes(of: short) { Array($0) }
        } else if inet_pton(AF_INET6, text, &long) == 1 {
            let all = withUnsafeBytes(of: long) { Array($0) }
            let isMapped = all[..<10].allSatisfy { $0 == 0 } && all[10] == 0xFF && all[11] == 0xFF
            bytes = isMapped ? Array(all[12...]) : all
        } else {
            return nil
        }
    }

    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// Addresses that begin alike, such as 10.0.0.0/8; or one address.
public struct AddressBlock: Sendable, Equatable {
    private let start: IPAddress
    private let bits: Int

    /// "address" or "address/bits". Nil for anything else, also where bits behind the prefix are set:
    /// that is more often a slip than meant.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let start = IPAddress(String(parts[0])) else {
            return nil
        }
        let all = start.bytes.count * 8
        let bits = parts.count == 1 ? all : Int(parts[1]) ?? -1
        guard (0...all).contains(bits) else { return nil }
        self.start = start
        self.bits = bits
        guard (bits..<all).allSatisfy({ !Self.bit($0, of: start.bytes) }) else { return nil }
    }

    public func contains(_ address: IPAddress) -> Bool {
        address.bytes.count == start.bytes.count
            && (0..<bits).allSatisfy {
                Self.bit($0, of: address.bytes) == Self.bit($0, of: start.bytes)
            }
    }

    private static func bit(_ index: Int, of bytes: [UInt8]) -> Bool {
        bytes[index / 8] >> UInt8(7 - index % 8) & 1 == 1
    }
}
