import AccessPolicy
import RPC

/// The encryption context of a request: pairs that ciphertext is bound to and policies may ask
/// about.
struct EncryptionContext: Sendable {
    static let byteCountMax = 8192
    static let pairCountMax = 64

    /// Without any pair.
    static let empty = EncryptionContext()

    /// Number of pairs, then each key and value in order of the keys' bytes, each number and length
    /// as 4 bytes big-endian. The same pairs always give the same bytes.
    let canonicalBytes: [UInt8]
    let pairs: [String: String]

    private init() {
        canonicalBytes = [0, 0, 0, 0]
        pairs = [:]
    }

    /// - Throws: ValidationException over 64 pairs or 8 KiB, or for an empty key.
    init(_ pairs: [String: String]) throws {
        if pairs.isEmpty {
            canonicalBytes = Self.empty.canonicalBytes
            self.pairs = pairs
            return
        }
        guard pairs.count <= Self.pairCountMax else {
            throw RPCError.validation(
                "An encryption context has at most \(Self.pairCountMax) pairs.")
        }
        let sorted = pairs.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        let count = sorted.reduce(4) { $0 + 8 + $1.key.utf8.count + $1.value.utf8.count }
        guard count <= Self.byteCountMax else {
            throw RPCError.validation(
                "An encryption context has at most \(Self.byteCountMax) bytes.")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        bytes.appendBigEndian(UInt32(pairs.count))
        for (key, value) in sorted {
            guard !key.isEmpty else {
                throw RPCError.validation("A key of an encryption context is empty.")
            }
            bytes.appendBigEndian(UInt32(key.utf8.count))
            bytes += key.utf8
            bytes.appendBigEndian(UInt32(value.utf8.count))
            bytes += value.utf8
        }
        self.pairs = pairs
        canonicalBytes = bytes
    }

    /// Condition keys in lower case.
    var conditionKeys: PolicyContext.Layer {
        guard !pairs.isEmpty else { return [:] }
        var conditions: PolicyContext.Layer = [:]
        conditions.reserveCapacity(pairs.count + 3)
        for (key, value) in pairs {
            conditions["kms:encryptioncontext:" + key.lowercased()] = [value]
        }
        conditions["kms:encryptioncontextkeys"] = pairs.keys.sorted()
        return conditions
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
