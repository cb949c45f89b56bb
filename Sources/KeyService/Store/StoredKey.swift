import Contracts

/// A key as it is on disk: its properties, and its material wrapped under the root key.
struct StoredKey: Sendable, Equatable {
    /// One version of the material.
    struct Material: Sendable, Equatable {
        /// 16 bytes derived from the material; the same in every Region.
        let id: [UInt8]
        /// Empty for imported material that is not here: not yet, deleted or expired.
        var wrapped: [UInt8]
        /// 0 for what the key began with.
        var rotatedAtMicroseconds: Int64 = 0
        var rotationType: KeysRotationType = .unspecified
        /// Not in every Region yet, so not used for new ciphertext.
        var isPending = false
        /// Of imported material.
        var expirationModel: KeysExpirationModel = .unspecified
        /// 0 unless it expires.
        var validToMicroseconds: Int64 = 0
        var description = ""

        var isPresent: Bool { !wrapped.isEmpty }
    }

    /// Automatic rotation.
    struct Rotation: Sendable, Equatable {
        static let defaultPeriodDays = 365

        var isEnabled = false
        var periodDays = defaultPeriodDays
        /// 0 while it is off.
        var nextAtMicroseconds: Int64 = 0
    }

    let keyID: String
    let createdAtMicroseconds: Int64
    let spec: KeysKeySpec
    let usage: KeysKeyUsage
    let isMultiRegion: Bool
    let isServiceManaged: Bool
    /// Empty for a key of a single Region.
    var primaryRegion: String
    /// Sorted; without the primary.
    var replicaRegions: [String]
    var description: String
    var state: KeysKeyState
    /// 0 unless deletion has a date.
    var deletionAtMicroseconds: Int64
    /// The waiting period that was asked for, while deletion is pending.
    var pendingWindowDays: Int
    var policy: String
    /// Oldest first, at least one unless it is to be imported; the last that is not pending is used for new ciphertext.
    var materials: [Material]
    var rotation = Rotation()
    /// Grows whenever another Region becomes the primary.
    var primaryEpoch: Int64 = 0
    /// Where the role of the primary is on its way to.
    var promotion: Promotion?
    var tags: [String: String] = [:]
    var grants: [KeyGrant] = []
    var origin: KeysKeyOrigin = .awsKms

    /// Whether the material comes from outside.
    var isImported: Bool { origin == .external }

    var currentMaterial: Material? { materials.last { !$0.isPending } }
    var hasMaterial: Bool { materials.contains { $0.isPresent } }
    var hasPendingMaterial: Bool { materials.contains { $0.isPending } }

    /// What the wrapped material is bound to.
    static func wrappingContext(keyID: String, materialID: [UInt8]) -> [UInt8] {
        Array("portolan key material/1/\(keyID)/".utf8) + materialID
    }
}
