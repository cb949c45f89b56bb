import Cryptography
import Foundation
import RPC

/// The checks before a keys service may work with what is on disk.
enum StartUp {
    static let checkProperty = "root-key-check"
    private static let placeProperty = "place"
    private static let checkContext = Array("portolan root key check/1".utf8)

    /// Opens the root key and makes sure that it is the one that the store was made with.
    static func rootKey(
        _ given: (any RootKey)?, _ configuration: KeyServiceConfiguration, _ store: KeyStore,
        _ contents: KeyStore.Contents
    ) throws -> any RootKey {
        try checkPlace(configuration, store)
        let check = try store.property(checkProperty)
        if given == nil, let check { try RootKeyReplacement.finish(configuration, check) }
        let rootKey =
            try given
            ?? RootKeyOpening.open(
                configuration, mayCreate: contents.keys.isEmpty && check == nil)
        guard let check else {
            try store.setProperty(checkProperty, mark(rootKey))
            return rootKey
        }
        guard isMark(check, of: rootKey) else {
            throw RootKeyError(
                code: .mismatch,
                message: "the keys in \(configuration.dataDirectory) are under another root key")
        }
        return rootKey
    }

    /// What is kept to recognise a root key by.
    static func mark(_ rootKey: any RootKey) throws -> [UInt8] {
        try rootKey.wrap(Random.secret(32), context: checkContext)
    }

    static func isMark(_ mark: [UInt8], of rootKey: any RootKey) -> Bool {
        (try? rootKey.unwrap(mark, context: checkContext)) != nil
    }

    /// A data directory belongs to one Region and account for good.
    static func checkPlace(
        _ configuration: KeyServiceConfiguration, _ store: KeyStore
    ) throws {
        let place = Array("\(configuration.region)/\(configuration.accountID)".utf8)
        guard let stored = try store.property(placeProperty) else {
            try store.setProperty(placeProperty, place)
            return
        }
        guard stored == place else {
            throw KeyStoreError(
                message: "\(configuration.dataDirectory) belongs to "
                    + "\(String(decoding: stored, as: UTF8.self)), not to this Region and account")
        }
    }
}
