import Contracts
import Cryptography
import Foundation
import RPC
import SwiftProtobuf

/// The wrapping of a key on its way to another Region.
///
/// Both sides derive one AES-256-GCM key by HKDF-SHA-256 from their agreement on P-256, bound to both
/// public keys, the transfer ID, both Regions and the key ID. Each version of the material is
/// sealed under it on its own, so that it is in the clear in secure heaps only, and the whole once
/// more together with the replica's properties as associated data.
struct TransferEnvelope {
    /// What both sides know about a transfer.
    struct Terms: Sendable {
        var transferID: String
        var keyID: String
        var sourceRegion: String
        var destinationRegion: String
        var senderPublicKey: [UInt8]
        var receiverPublicKey: [UInt8]
    }

    private let key: AEADKey
    private let terms: Terms

    /// - Throws: `CryptographyError` for a public key that is not one.
    init(_ own: P256AgreementKey, peer: [UInt8], _ terms: Terms) throws {
        self.terms = terms
        let secret = try own.sharedSecret(with: peer)
        key = try AEADKey(
            HKDF.derive(
                from: secret, salt: Array(terms.transferID.utf8),
                info: Self.joined([
                    Array("portolan key transfer/1".utf8), terms.senderPublicKey,
                    terms.receiverPublicKey, Array(terms.sourceRegion.utf8),
                    Array(terms.destinationRegion.utf8), Array(terms.keyID.utf8),
                ]), count: AEADKey.keyByteCount))
    }

    func sealMaterial(_ material: SecretBytes, index: Int) throws -> Data {
        Data(try KeyWrap.wrap(material, under: key, context: materialContext(index)))
    }

    func openMaterial(_ sealed: Data, index: Int) throws -> SecretBytes {
        try KeyWrap.unwrap([UInt8](sealed), under: key, context: materialContext(index))
    }

    /// Puts the transferred key into a request that has its other properties already.
    func seal(_ transferred: KeysTransferredKey, into request: inout KeysImportReplicaRequest)
        throws
    {
        let bytes: [UInt8] = try transferred.serializedBytes()
        let sealed = try key.seal(bytes, authenticating: try Self.associatedData(request))
        request.nonce = Data(sealed[..<AEADKey.nonceByteCount])
        request.wrapped = Data(sealed[AEADKey.nonceByteCount...])
    }

    func open(_ request: KeysImportReplicaRequest) throws -> KeysTransferredKey {
        let bytes = try key.open(
            request.nonce + request.wrapped, authenticating: try Self.associatedData(request))
        return try KeysTransferredKey(serializedBytes: bytes)
    }

    private func materialContext(_ index: Int) -> [UInt8] {
        Array("portolan key transfer material/1/\(terms.keyID)/\(index)".utf8)
    }

    private static func associatedData(_ request: KeysImportReplicaRequest) throws -> [UInt8] {
        let caller: [UInt8] = request.hasCaller ? try request.caller.serializedBytes() : []
        return joined(
            [
                Array(request.transferID.utf8), Array(request.policy.utf8),
                Array(request.description_p.utf8),
                [request.bypassPolicyLockoutSafetyCheck ? 1 : 0], Array(request.operatorName.utf8),
                caller,
            ] + request.tags.flatMap { [Array($0.key.utf8), Array($0.value.utf8)] })
    }

    /// Each part after its length, so that no two lists of parts give the same bytes.
    private static func joined(_ parts: [[UInt8]]) -> [UInt8] {
        parts.reduce(into: []) { bytes, part in
            bytes.appendBigEndian(UInt32(part.count))
            bytes += part
        }
    }
}
