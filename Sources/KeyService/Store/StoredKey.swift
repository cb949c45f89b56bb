import Contracts

/// A key as it is on disk: its properties, and its material wrapped under the root key.
struct StoredKey: Sendable, Equatable {
    /// One version of the material.
    struct Material: Sendable, Equatable {
        /// 16 bytes derived from the material; the same in every Region.
        let id: [UInt8]
        let wrapped: [UInt8]
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
    /// Oldest first, at least one; the last is used for new ciphertext.
    var materials: [Material]

    /// What the wrapped material is bound to.
    static func wrappingContext(keyID: String, materialID: [UInt8]) -> [UInt8] {
        Array("portolan key material/1/\(keyID)/".utf8) + materialID
    }
}
