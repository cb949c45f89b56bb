import Contracts
import Cryptography
import RPC
import ReplicatedState

/// Encrypt, Decrypt, GenerateDataKey and Sign of the usual shape, from request to response without a
/// message, string or object in between.
///
/// What a request may do has been decided by the general path for the first of its kind, which also
/// answers whatever is not usual or goes wrong.
struct UsualCalls: Sendable {
    typealias Bytes = UnsafeRawBufferPointer

    let operations: KeyOperations
    let callers: CallerDirectory
    let admissions: UsualAdmissions

    init(operations: KeyOperations, callers: CallerDirectory) {
        self.operations = operations
        self.callers = callers
        admissions = UsualAdmissions(operations.ring)
    }

    /// Blobs and plaintexts up to this size are made where they are sent from.
    private static let payloadBytesMax = 4096

    /// Answers; false when it is for the general path.
    func answer(
        _ operation: KeyOperation, _ payload: Bytes, _ peer: PeerIdentity, _ sink: AnswerSink
    ) -> Bool {
        switch operation.number {
        case KeyOperation.encrypt.number: encrypt(payload, peer, sink)
        case KeyOperation.decrypt.number: decrypt(payload, peer, sink)
        case KeyOperation.generateDataKey.number:
            makeDataKey(operation, payload, peer, sink, withPlaintext: true)
        case KeyOperation.generateDataKeyWithoutPlaintext.number:
            makeDataKey(operation, payload, peer, sink, withPlaintext: false)
        case KeyOperation.sign.number: sign(payload, peer, sink)
        default: false
        }
    }

    private func encrypt(_ payload: Bytes, _ peer: PeerIdentity, _ sink: AnswerSink) -> Bool {
        guard let request = UsualRequest(payload, UsualRequest.encrypt), request.number <= 1,
            let key = request.key, let plaintext = request.payload,
            (1...Self.payloadBytesMax).contains(plaintext.count)
        else { return false }
        return withContext(of: request) { context in
            guard let found = find(.encrypt, key, context, peer), let material = found.material
            else { return false }
            return counted(found) {
                try respond(found, room: blobCount(material, plaintext.count)) { writer in
                    try seal(plaintext, with: material, context, 1, &writer)
                } then: {
                    sink.write($0)
                }
            }
        }
    }

    private func makeDataKey(
        _ operation: KeyOperation, _ payload: Bytes, _ peer: PeerIdentity, _ sink: AnswerSink,
        withPlaintext: Bool
    ) -> Bool {
        guard let request = UsualRequest(payload, UsualRequest.dataKey), let key = request.key,
            request.number <= UInt64(KeyOperations.dataKeyByteCountMax)
        else { return false }
        let count = request.number == 0 ? 32 : Int(request.number)
        return withContext(of: request) { context in
            guard let found = find(operation, key, context, peer), let material = found.material
            else { return false }
            return counted(found) {
                try withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { secret in
                    defer { Random.wipe(secret) }
                    try Random.fillSecret(secret)
                    let room = blobCount(material, count) + (withPlaintext ? count + 3 : 0)
                    try respond(found, room: room) { writer in
                        if withPlaintext {
                            writer.head(1, count)
                            writer.bytes(Bytes(secret))
                        }
                        try seal(
                            Bytes(secret), with: material, context, withPlaintext ? 2 : 1, &writer)
                    } then: {
                        sink.write($0)
                    }
                }
            }
        }
    }

    private func decrypt(_ payload: Bytes, _ peer: PeerIdentity, _ sink: AnswerSink) -> Bool {
        guard let request = UsualRequest(payload, UsualRequest.decrypt), request.number <= 1,
            let blob = request.payload, let parts = BlobParts(blob),
            parts.plaintextCount <= Self.payloadBytesMax
        else { return false }
        if let key = request.key, !key.elementsEqual(parts.keyID) { return false }
        return withContext(of: request) { context in
            guard let found = find(.decrypt, parts.keyID, context, peer),
                let material = found.material, parts.materialID.elementsEqual(material.id)
            else { return false }
            return counted(found) {
                try respond(found, room: parts.plaintextCount + 3) { writer in
                    writer.head(1, parts.plaintextCount)
                    let plaintext = writer.take(parts.plaintextCount)
                    try authenticating(parts.header, context) {
                        try material.key.open(parts.sealed, authenticating: $0, into: plaintext)
                    }
                } then: {
                    sink.write($0)
                }
            }
        }
    }

    private func sign(_ payload: Bytes, _ peer: PeerIdentity, _ sink: AnswerSink) -> Bool {
        guard let request = UsualRequest(payload, UsualRequest.sign), request.flag,
            request.number == UInt64(KeysSigningAlgorithm.ecdsaSha256.rawValue),
            let key = request.key, let digest = request.payload, digest.count == SHA256.byteCount
        else { return false }
        return withContext(of: request) { context in
            guard let found = find(.sign, key, context, peer), let signer = found.signer else {
                return false
            }
            let room = P256PrivateKey.signatureByteCountMax
            return counted(found) {
                try withUnsafeTemporaryAllocation(byteCount: room, alignment: 8) { signature in
                    let count = try signer.sign(digest: digest, into: signature)
                    try respond(found, room: count + 2) { writer in
                        writer.head(1, count)
                        writer.bytes(Bytes(rebasing: signature[..<count]))
                    } then: {
                        sink.write($0)
                    }
                }
            }
        }
    }

    /// Remembers what the general path has just allowed.
    func learn(_ operation: KeyOperation, _ payload: Bytes, _ peer: PeerIdentity) {
        // Before the key is looked up: a change in between makes what is learnt void at once.
        let revision = operations.ring.revision
        guard let request = UsualRequest(payload, shape(operation)),
            let name = request.key ?? request.payload.flatMap({ BlobParts($0)?.keyID }),
            let key = try? operations.ring.key(String(wire: name), .related),
            let caller = try? callers.caller(peer),
            let facts = try? facts(operation, request, request.key.map { String(wire: $0) } ?? ""),
            let counter = operations.authorizer.known(caller, operation, on: key, facts)
        else { return }
        let isSigning = operation.number == KeyOperation.sign.number
        guard isSigning ? key.stored.spec == .eccNistP256 : key.stored.spec == .symmetricDefault,
            let admission = try? admission(operation, key, counter)
        else { return }
        _ = withContext(of: request) { context in
            admissions.insert(
                .init(peer: peer, operation: operation.number, key: name, context: context),
                revision: revision, admission)
            return true
        }
    }

    private func shape(_ operation: KeyOperation) -> UsualRequest.Shape {
        switch operation.number {
        case KeyOperation.encrypt.number: UsualRequest.encrypt
        case KeyOperation.decrypt.number: UsualRequest.decrypt
        case KeyOperation.sign.number: UsualRequest.sign
        default: UsualRequest.dataKey
        }
    }

    /// The facts of a request as the general path states them.
    private func facts(
        _ operation: KeyOperation, _ request: UsualRequest, _ name: String
    ) throws -> RequestFacts? {
        let context = try EncryptionContext(request.pairs)
        switch operation.number {
        case KeyOperation.encrypt.number, KeyOperation.decrypt.number:
            guard request.number <= 1 else { return nil }
            return KeyOperations.facts(context, .symmetricDefault, name: name)
        case KeyOperation.sign.number:
            guard request.flag,
                request.number == UInt64(KeysSigningAlgorithm.ecdsaSha256.rawValue)
            else { return nil }
            return KeyOperations.signingFacts(.ecdsaSha256, isDigest: true, name: name)
        default: return RequestFacts(context: context, alias: KeyReference.alias(in: name))
        }
    }

    private func admission(
        _ operation: KeyOperation, _ key: ActiveKey, _ counter: UsageCounter
    ) throws -> UsualAdmissions.Admission {
        let isSigning = operation.number == KeyOperation.sign.number
        let material = isSigning ? nil : try key.currentSealingMaterial()
        // Fields 2 and 3, or 3 and 4 where the plaintext of a data key comes first.
        let field: UInt8 =
            operation.number == KeyOperation.generateDataKey.number ? 3 : 2
        var end = Self.field(field, key.arn)
        let tellsMaterial =
            operation.number != KeyOperation.encrypt.number && !isSigning
        if tellsMaterial, let material { end += Self.field(field + 1, material.name) }
        return .init(
            key: key, counter: counter, material: material,
            signer: isSigning ? try key.signingKey() : nil, responseEnd: end)
    }

    private static func field(_ number: UInt8, _ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        return [UInt8](unsafeUninitializedCapacity: bytes.count + 3) { buffer, count in
            var writer = RawWriter(UnsafeMutableRawBufferPointer(buffer))
            writer.head(number, bytes.count)
            writer.bytes(bytes)
            count = writer.count
        }
    }
}
