import Cryptography

/// One version of a symmetric key's material, ready for use.
final class SealingMaterial: Sendable {
    let id: [UInt8]
    let key: AEADKey
    /// What every blob made with it begins with.
    let header: [UInt8]
    /// The material's ID as KMS writes it.
    let name: String

    init(keyID: String, id: [UInt8], key: AEADKey) {
        self.id = id
        self.key = key
        header = CiphertextBlob.header(keyID: keyID, materialID: id)
        name = KeyMaterial.name(id)
    }
}
