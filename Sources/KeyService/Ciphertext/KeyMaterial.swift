import Contracts
import Cryptography
import Foundation
import RPC
import ServiceKit

/// Making and naming of key material.
enum KeyMaterial {
    /// Fresh material: 32 random bytes, those of an HMAC key, or a private key in PKCS #8.
    static func generate(_ spec: KeysKeySpec) throws -> SecretBytes {
        if let kind = spec.asymmetricKind { return try AsymmetricKey(kind).pkcs8() }
        if let hash = spec.macHash { return try Random.secret(hash.byteCount) }
        guard spec == .symmetricDefault else {
            throw RPCError.validation("The key spec is not supported.")
        }
        return try Random.secret(AEADKey.keyByteCount)
    }

    /// The ID of material: derived one-way, so that related keys agree on it without asking.
    static func id(_ material: SecretBytes, keyID: String) throws -> [UInt8] {
        let derived = try HKDF.derive(
            from: material, salt: Array("portolan material id/1".utf8), info: Array(keyID.utf8),
            count: CiphertextBlob.materialIDByteCount)
        return derived.withUnsafeBytes { Array($0) }
    }

    /// The ID of material as KMS writes it: 64 hexadecimal digits, the same in every Region.
    static func name(_ id: [UInt8]) -> String {
        guard let digest = try? SHA256.hash(Array("portolan material name/1".utf8) + id) else {
            return ""
        }
        return digest.hexadecimal
    }

    /// Material as it is stored.
    static func stored(
        _ material: SecretBytes, keyID: String, rootKey: any RootKey
    ) throws -> StoredKey.Material {
        let id = try id(material, keyID: keyID)
        let context = StoredKey.wrappingContext(keyID: keyID, materialID: id)
        return StoredKey.Material(id: id, wrapped: try rootKey.wrap(material, context: context))
    }

    /// Imported material in the one form in which it is kept and named; nil when it does not fit.
    static func canonical(_ material: SecretBytes, _ spec: KeysKeySpec) -> SecretBytes? {
        guard let kind = spec.asymmetricKind else {
            return check(material, spec) ? material : nil
        }
        return try? AsymmetricKey(kind, pkcs8: material).pkcs8()
    }

    /// Whether transferred material is of the spec it is said to be.
    static func check(_ material: SecretBytes, _ spec: KeysKeySpec) -> Bool {
        if let kind = spec.asymmetricKind {
            return (try? AsymmetricKey(kind, pkcs8: material)) != nil
        }
        if let hash = spec.macHash { return material.count == hash.byteCount }
        return spec == .symmetricDefault && material.count == AEADKey.keyByteCount
    }
}
