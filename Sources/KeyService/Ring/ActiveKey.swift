import AccessPolicy
import Contracts
import Cryptography
import RPC
import Synchronization

/// A key in memory: a snapshot of its properties, its policy compiled, its material unwrapped when
/// first needed. A change makes a new object, so nothing here needs to be read twice.
final class ActiveKey: Sendable {
    private struct Opened {
        var current: SealingMaterial?
        var sealing: [[UInt8]: SealingMaterial] = [:]
        var signing: P256PrivateKey?
        var asymmetric: AsymmetricKey?
        var mac: SecretBytes?
    }

    let stored: StoredKey
    let arn: String
    let policy: PolicyDocument
    /// What conditions of a policy may ask about the key.
    let conditionKeys: PolicyContext.Layer
    let isPrimary: Bool
    let admissions = AdmissionCache()
    private let rootKey: any RootKey
    private let opened = Mutex(Opened())

    /// - Throws: `PolicyError` when the stored policy does not parse.
    init(
        _ stored: StoredKey, aliases: [String], configuration: KeyServiceConfiguration,
        rootKey: any RootKey
    ) throws {
        self.stored = stored
        self.rootKey = rootKey
        arn = configuration.arn(keyID: stored.keyID, region: configuration.region)
        policy = try PolicyDocument(json: stored.policy)
        isPrimary = stored.isMultiRegion && stored.primaryRegion == configuration.region
        var keys = [
            "kms:keyspec": [stored.spec.kmsName], "kms:keyusage": [stored.usage.kmsName],
            "kms:keyorigin": [stored.origin.kmsName],
            "kms:multiregion": [String(stored.isMultiRegion)],
            "aws:resourceaccount": [configuration.accountID],
        ]
        if stored.isMultiRegion {
            keys["kms:multiregionkeytype"] = [isPrimary ? "PRIMARY" : "REPLICA"]
        }
        if !aliases.isEmpty { keys["kms:resourcealiases"] = aliases.sorted() }
        for (name, value) in stored.tags { keys["aws:resourcetag/\(name.lowercased())"] = [value] }
        conditionKeys = keys
    }

    /// The version that new ciphertext is made with.
    ///
    /// - Throws: KMSInvalidStateException when there is none, INTERNAL when it cannot be unwrapped.
    func currentSealingMaterial() throws -> SealingMaterial {
        try opened.withLock { opened in
            if let current = opened.current { return current }
            guard let id = stored.currentMaterial?.id,
                let current = try sealingMaterial(id, &opened)
            else { throw RPCError.invalidState(arn, "has no material") }
            opened.current = current
            return current
        }
    }

    /// One version of the material, or nil when the key has none of that ID.
    func sealingMaterial(_ materialID: [UInt8]) throws -> SealingMaterial? {
        try opened.withLock { opened in
            if let current = opened.current, current.id == materialID { return current }
            return try sealingMaterial(materialID, &opened)
        }
    }

    private func sealingMaterial(
        _ materialID: [UInt8], _ opened: inout Opened
    ) throws -> SealingMaterial? {
        if let material = opened.sealing[materialID] { return material }
        guard let stored = stored.materials.first(where: { $0.id == materialID }) else {
            return nil
        }
        let key = try unwrapped(stored) { try AEADKey($0) }
        let material = SealingMaterial(keyID: self.stored.keyID, id: materialID, key: key)
        opened.sealing[materialID] = material
        return material
    }

    /// The private key of an asymmetric key of any kind.
    func asymmetricKey() throws -> AsymmetricKey {
        try opened.withLock { opened in
            if let key = opened.asymmetric { return key }
            guard let kind = stored.spec.asymmetricKind else {
                throw RPCError.invalidState(arn, "has no material")
            }
            let key = try unwrapped(onlyMaterial()) { try AsymmetricKey(kind, pkcs8: $0) }
            opened.asymmetric = key
            return key
        }
    }

    /// The material of an HMAC key.
    func macKey() throws -> SecretBytes {
        try opened.withLock { opened in
            if let key = opened.mac { return key }
            let key = try unwrapped(onlyMaterial()) { $0 }
            opened.mac = key
            return key
        }
    }

    /// The private key of a key on P-256, for the fastest signatures.
    func signingKey() throws -> P256PrivateKey {
        try opened.withLock { opened in
            if let key = opened.signing { return key }
            let key = try unwrapped(onlyMaterial()) { try P256PrivateKey(pkcs8: $0) }
            opened.signing = key
            return key
        }
    }

    /// All versions, oldest first, for a transfer.
    func materials() throws -> [SecretBytes] {
        try stored.materials.map { try unwrapped($0) { $0 } }
    }

    private func onlyMaterial() throws -> StoredKey.Material {
        guard let material = stored.materials.last else {
            throw RPCError.invalidState(arn, "has no material")
        }
        return material
    }

    private func unwrapped<Value>(
        _ material: StoredKey.Material, _ use: (SecretBytes) throws -> Value
    ) throws -> Value {
        guard material.isPresent else { throw RPCError.invalidState(arn, "has no material") }
        do {
            let context = StoredKey.wrappingContext(keyID: stored.keyID, materialID: material.id)
            return try use(rootKey.unwrap(material.wrapped, context: context))
        } catch {
            throw RPCError.keysInternal(error)
        }
    }
}
