import Cryptography
import RPC

/// The steps that usual calls share.
extension UsualCalls {
    func find(
        _ operation: KeyOperation, _ key: Bytes, _ context: Bytes, _ peer: PeerIdentity
    ) -> UsualAdmissions.Admission? {
        admissions.find(
            .init(peer: peer, operation: operation.number, key: key, context: context))
    }

    /// Performs and counts; false, without counting, when it did not work.
    func counted(_ found: UsualAdmissions.Admission, _ body: () throws -> Void) -> Bool {
        operations.meter.keepMonth()
        do {
            try body()
        } catch {
            return false
        }
        found.counter.count(isRefused: false)
        return true
    }

    func withContext(of request: UsualRequest, _ body: (Bytes) -> Bool) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: request.contextCount, alignment: 8) { memory in
            var writer = RawWriter(memory)
            request.writeContext(&writer)
            return body(writer.written)
        }
    }

    /// Lends header and context one after the other: what a blob is bound to.
    func authenticating<Value>(
        _ header: Bytes, _ context: Bytes, _ body: (Bytes) throws -> Value
    ) rethrows -> Value {
        try withUnsafeTemporaryAllocation(
            byteCount: header.count + context.count, alignment: 8
        ) { memory in
            var writer = RawWriter(memory)
            writer.bytes(header)
            writer.bytes(context)
            return try body(writer.written)
        }
    }

    /// Makes a response of a start that `write` fills in and of the end that is the same every time.
    ///
    /// - Parameter room: the most bytes that the start has.
    func respond(
        _ found: UsualAdmissions.Admission, room: Int, _ write: (inout RawWriter) throws -> Void,
        then send: (Bytes) -> Void
    ) throws {
        let end = found.responseEnd
        try withUnsafeTemporaryAllocation(byteCount: room + end.count, alignment: 8) { memory in
            var writer = RawWriter(memory)
            try write(&writer)
            writer.bytes(end)
            send(writer.written)
        }
    }

    /// Bytes of a field with a blob, at most.
    func blobCount(_ material: SealingMaterial, _ plaintextCount: Int) -> Int {
        3 + material.header.count + plaintextCount + AEADKey.overheadByteCount
    }

    /// Writes a field with a blob.
    func seal(
        _ plaintext: Bytes, with material: SealingMaterial, _ context: Bytes, _ field: UInt8,
        _ writer: inout RawWriter
    ) throws {
        let sealedCount = plaintext.count + AEADKey.overheadByteCount
        writer.head(field, material.header.count + sealedCount)
        writer.bytes(material.header)
        let sealed = writer.take(sealedCount)
        try material.header.withUnsafeBytes { header in
            try authenticating(header, context) {
                try material.key.seal(plaintext, authenticating: $0, into: sealed)
            }
        }
    }
}

/// A ciphertext blob taken apart where it lies; `CiphertextBlob` says how it is laid out.
struct BlobParts {
    let keyID: UnsafeRawBufferPointer
    let materialID: UnsafeRawBufferPointer
    let header: UnsafeRawBufferPointer
    /// Nonce, ciphertext and tag.
    let sealed: UnsafeRawBufferPointer

    var plaintextCount: Int { sealed.count - AEADKey.overheadByteCount }

    /// Nil when it is no blob.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard (3...CiphertextBlob.byteCountMax).contains(bytes.count),
            bytes[0] == CiphertextBlob.version
        else { return nil }
        let idEnd = 2 + Int(bytes[1])
        let headerEnd = idEnd + CiphertextBlob.materialIDByteCount
        guard idEnd > 2, bytes.count >= headerEnd + AEADKey.overheadByteCount else { return nil }
        keyID = UnsafeRawBufferPointer(rebasing: bytes[2..<idEnd])
        materialID = UnsafeRawBufferPointer(rebasing: bytes[idEnd..<headerEnd])
        header = UnsafeRawBufferPointer(rebasing: bytes[..<headerEnd])
        sealed = UnsafeRawBufferPointer(rebasing: bytes[headerEnd...])
    }
}
