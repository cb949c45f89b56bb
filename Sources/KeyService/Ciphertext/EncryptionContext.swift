import AccessPolicy
import RPC

/// The encryption context of a request: pairs that ciphertext is bound to and policies may ask
/// about.
struct EncryptionContext: Sendable {
    static let byteCountMax = 8192
    static let pairCountMax = 64

    /// Number of pairs, then each key and value in order of the keys' bytes, each number and length
    /// as 4 bytes big-endian. The same pairs always give the same bytes.
    let canonicalBytes: [UInt8]
    let pairs: [String: String]
    /// Condition keys in lower case.
    let conditionKeys: PolicyContext.Layer

    /// - Throws: ValidationException over 64 pairs or 8 KiB, or for an empty key.
    init(_ pairs: [String: String]) throws {
        self.pairs = pairs
        if pairs.isEmpty {
            canonicalBytes = [0, 0, 0, 0]
            conditionKeys = [:]
            return
        }
        guard pairs.count <= Self.pairCountMax else {
            throw RPCError.validation(
                "An encryption context has at most \(Self.pairCountMax) pairs.")
        }
        let sorted = pairs.map { (Array($0.key.utf8), Array($0.value.utf8), $0) }
            .sorted { $0.0.lexicographicallyPrecedes($1.0) }
        var bytes: [UInt8] = []
        bytes.appendBigEndian(UInt32(pairs.count))
        var conditions: PolicyContext.Layer = [:]
        conditions.reserveCapacity(pairs.count + 1)
        for (key, value, pair) in sorted {
            guard !key.isEmpty else {
                throw RPCError.validation("A key of an encryption context is empty.")
            }
            guard bytes.count + key.count + value.count <= Self.byteCountMax else {
                throw RPCError.validation(
                    "An encryption context has at most \(Self.byteCountMax) bytes.")
            }
            bytes.appendBigEndian(UInt32(key.count))
            bytes += key
            bytes.appendBigEndian(UInt32(value.count))
            bytes += value
            conditions["kms:encryptioncontext:" + pair.key.lowercased()] = [pair.value]
        }
        conditions["kms:encryptioncontextkeys"] = sorted.map { $0.2.key }
        canonicalBytes = bytes
        conditionKeys = conditions
    }
}

extension [UInt8] {
    mutating func appendBigEndian(_ value: UInt32) {
        append(UInt8(truncatingIfNeeded: value >> 24))
        append(UInt8(truncatingIfNeeded: value >> 16))
        append(UInt8(truncatingIfNeeded: value >> 8))
        append(UInt8(truncatingIfNeeded: value))
    }
}
