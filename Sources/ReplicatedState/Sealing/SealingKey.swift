import Cryptography
import Synchronization

/// An opened data key with its supply of nonces.
///
/// Nonces start at 96 random bits and count up from there, so that no two seals of one process share
/// one, and two processes that use the same data key (a restart, a former primary) collide with a
/// probability of about processes² × records / 2^96. A key is replaced long before 2^32 records.
final class SealingKey: Sendable {
    /// After so many records of one process a new data key is made.
    static let recordsMax: UInt64 = 1 << 31

    private struct Nonces {
        var high: UInt32
        var low: UInt64
        var taken: UInt64 = 0
    }

    let key: AEADKey
    private let nonces: Mutex<Nonces>

    init(_ secret: SecretBytes) throws {
        key = try AEADKey(secret)
        let start = try Random.bytes(AEADKey.nonceByteCount)
        let high = start[0..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let low = start[4..<12].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        nonces = Mutex(Nonces(high: high, low: low))
    }

    /// Whether a new data key is due.
    var isWorn: Bool { nonces.withLock { $0.taken >= Self.recordsMax } }

    /// Twelve bytes that this key has not seen.
    func nextNonce() -> [UInt8] {
        let (high, low) = nonces.withLock { nonces in
            let (low, carry) = nonces.low.addingReportingOverflow(1)
            nonces.low = low
            if carry { nonces.high &+= 1 }
            nonces.taken += 1
            return (nonces.high, nonces.low)
        }
        return withUnsafeBytes(of: high.bigEndian) { Array($0) }
            + withUnsafeBytes(of: low.bigEndian) { Array($0) }
    }
}
