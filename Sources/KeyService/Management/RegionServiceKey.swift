import Contracts
import Logging
import RPC

/// The Region's own key, which seals an instance's data until a customer managed key is set
/// (AWS's "AWS owned key"). Made by the service itself on its first start.
struct RegionServiceKey: Sendable {
    static let alias = "alias/portolan/service"
    private static let retryDelay = Duration.milliseconds(250)

    let administration: KeyAdministration
    let logger: Logger

    /// Tries until the key is there. It waits for the trail: no key is made unrecorded.
    func ensure() async throws {
        var hasWarned = false
        while administration.ring.key(alias: Self.alias) == nil {
            do {
                try await administration.gate.run { try await make() }
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                if !hasWarned {
                    logger.notice(
                        "the Region's service key waits for the trail",
                        metadata: ["error": "\(error)"])
                }
                hasWarned = true
                try await Task.sleep(for: Self.retryDelay)
            }
        }
    }

    private func make() async throws {
        guard administration.ring.key(alias: Self.alias) == nil else { return }
        // A start that was cut off may have left the key without its alias.
        let stored = try orphan ?? newKey()
        let arn = administration.configuration.arn(
            keyID: stored.keyID, region: administration.configuration.region)
        try await administration.performForService(
            "CreateKey", resource: arn, details: ["keyId": stored.keyID, "aliasName": Self.alias]
        ) {
            if administration.ring[stored.keyID] == nil { _ = try administration.insert(stored) }
            try administration.putAlias(
                Self.alias,
                KeyAlias(keyID: stored.keyID, createdAtMicroseconds: administration.now()))
        }
    }

    private var orphan: StoredKey? {
        administration.ring.keys.map(\.stored).first { key in
            key.isServiceManaged && !key.isMultiRegion && key.usage == .encryptDecrypt
        }
    }

    private func newKey() throws -> StoredKey {
        let configuration = administration.configuration
        let keyID = try KeyID.random(isMultiRegion: false)
        let material = try KeyMaterial.stored(
            KeyMaterial.generate(.symmetricDefault), keyID: keyID, rootKey: administration.rootKey)
        return StoredKey(
            keyID: keyID, createdAtMicroseconds: administration.now(), spec: .symmetricDefault,
            usage: .encryptDecrypt, isMultiRegion: false, isServiceManaged: true, primaryRegion: "",
            replicaRegions: [], description: "Seals data until a customer managed key is set",
            state: .enabled, deletionAtMicroseconds: 0, pendingWindowDays: 0,
            policy: ServiceKeyPolicy.document(account: configuration.accountID),
            materials: [material])
    }
}
