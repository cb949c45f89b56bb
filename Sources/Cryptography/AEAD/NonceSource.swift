import Synchronization

/// Random nonces, drawn from OpenSSL's generator many at a time.
///
/// A nonce is not secret, so it may wait in ordinary memory; a draw of its own for each would cost
/// more than sealing a small record. Each is handed out once.
enum NonceSource {
    private static let batchCount = 128

    private struct Batch {
        var bytes: [UInt8] = []
        var used = 0
    }

    private static let batch = Mutex(Batch())

    /// Writes `AEADKey.nonceByteCount` bytes.
    static func next(into output: UnsafeMutableRawBufferPointer) throws {
        try batch.withLock { batch in
            if batch.used == batch.bytes.count {
                batch.bytes = try Random.bytes(batchCount * AEADKey.nonceByteCount)
                batch.used = 0
            }
            output.copyBytes(from: batch.bytes[batch.used..<batch.used + AEADKey.nonceByteCount])
            batch.used += AEADKey.nonceByteCount
        }
    }
}
