import Contracts
import Cryptography
import RPC

/// Making and naming of key material.
enum KeyMaterial {
    /// Fresh material: 32 random bytes, or a private key in PKCS #8.
    static func generate(_ spec: KeysKeySpec) throws -> SecretBytes {
        switch spec {
        case .symmetricDefault: try Random.secret(AEADKey.keyByteCount)
        case .eccNistP256: try P256PrivateKey().pkcs8()
        default: throw RPCError.validation("The key spec is not supported.")
        }
    }

    /// The ID of material: derived one-way, so that related keys agree on it without asking.
    static func id(_ material: SecretBytes, keyID: String) throws -> [UInt8] {
        let derived = try HKDF.derive(
            from: material, salt: Array("portolan material id/1".utf8), info: Array(keyID.utf8),
            count: CiphertextBlob.materialIDByteCount)
        return derived.withUnsafeBytes { Array($0) }
    }

    /// Material as it is stored.
    static func stored(
        _ material: SecretBytes, keyID: String, rootKey: any RootKey
    ) throws -> StoredKey.Material {
        let id = try id(material, keyID: keyID)
        let context = StoredKey.wrappingContext(keyID: keyID, materialID: id)
        return StoredKey.Material(id: id, wrapped: try rootKey.wrap(material, context: context))
    }

    /// Whether transferred material is of the spec it is said to be.
    static func check(_ material: SecretBytes, _ spec: KeysKeySpec) -> Bool {
        switch spec {
        case .symmetricDefault: material.count == AEADKey.keyByteCount
        case .eccNistP256: (try? P256PrivateKey(pkcs8: material)) != nil
        default: false
        }
    }
}
