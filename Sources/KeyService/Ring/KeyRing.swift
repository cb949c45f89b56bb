import AccessPolicy
import Contracts
import RPC
import Synchronization

/// All keys and aliases of the Region in memory, so that using a key never waits for the disk.
///
/// Only `KeyAdministration` changes it, after the store has.
final class KeyRing: Sendable {
    private struct Content {
        var keys: [String: ActiveKey]
        var aliases: [String: KeyAlias]
        /// Keys by the IDs of their grants.
        var grants: [String: String]
    }

    /// Which ARNs fit a key of this Region.
    enum Scope {
        /// Only those of this Region: for changes, which must not hit a Region by mistake.
        case exact
        /// For a multi-Region key also those of its related keys. KMS refuses these, but would have
        /// been asked in the other Region; here stored ARNs keep working after the primary moved.
        case related
    }

    private let configuration: KeyServiceConfiguration
    private let rootKey: any RootKey
    private let content: Mutex<Content>
    private let revisions = Atomic<UInt64>(0)
    private let observers = Mutex<[@Sendable () -> Void]>([])

    /// Goes up after each change of a key or alias.
    var revision: UInt64 { revisions.load(ordering: .acquiring) }

    /// Runs after each change, before whoever made it goes on.
    func onChange(_ body: @escaping @Sendable () -> Void) { observers.withLock { $0.append(body) } }

    private func changed() {
        revisions.add(1, ordering: .acquiringAndReleasing)
        for observer in observers.withLock({ $0 }) { observer() }
    }

    /// - Throws: `PolicyError` when a stored policy does not parse.
    init(
        _ contents: KeyStore.Contents, configuration: KeyServiceConfiguration,
        rootKey: any RootKey
    ) throws {
        self.configuration = configuration
        self.rootKey = rootKey
        var keys: [String: ActiveKey] = [:]
        let aliases = Dictionary(grouping: contents.aliases) { $0.value.keyID }
            .mapValues { $0.map(\.key) }
        for stored in contents.keys {
            keys[stored.keyID] = try ActiveKey(
                stored, aliases: aliases[stored.keyID] ?? [], configuration: configuration,
                rootKey: rootKey)
        }
        var grants: [String: String] = [:]
        for key in contents.keys { for grant in key.grants { grants[grant.id] = key.keyID } }
        content = Mutex(Content(keys: keys, aliases: contents.aliases, grants: grants))
    }

    /// The key that a caller names.
    ///
    /// - Throws: NotFoundException, ValidationException.
    func key(_ text: String, _ scope: Scope, allowsAlias: Bool = true) throws -> ActiveKey {
        // The common case without a copy or a check: a bare ID.
        if let key = self[text] { return key }
        let reference = try KeyReference(text)
        guard reference.accountID.map({ $0 == configuration.accountID }) ?? true else {
            throw RPCError.keyNotFound(text)
        }
        let isHere = reference.region.map { $0 == configuration.region } ?? true
        switch reference.target {
        case .keyID(let id):
            guard let key = self[id], isHere || scope == .related && key.stored.isMultiRegion else {
                throw RPCError.keyNotFound(text)
            }
            return key
        case .alias(let name):
            guard allowsAlias else {
                throw RPCError.validation("An alias cannot be used here; give the key's ID or ARN.")
            }
            guard isHere, let key = key(alias: name) else { throw RPCError.aliasNotFound(text) }
            return key
        }
    }

    subscript(keyID: String) -> ActiveKey? { content.withLock { $0.keys[keyID] } }

    func key(alias: String) -> ActiveKey? {
        content.withLock { content in
            content.aliases[alias].flatMap { content.keys[$0.keyID] }
        }
    }

    /// All keys by ID.
    var keys: [ActiveKey] {
        content.withLock { $0.keys.values.sorted { $0.stored.keyID < $1.stored.keyID } }
    }

    var keyCount: Int { content.withLock { $0.keys.count } }

    /// Aliases sorted by name.
    var aliases: [(name: String, alias: KeyAlias)] {
        content.withLock { $0.aliases.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 } }
    }

    func alias(_ name: String) -> KeyAlias? { content.withLock { $0.aliases[name] } }

    /// The key that a grant is for, if there is such a grant.
    func keyID(ofGrant grantID: String) -> String? {
        content.withLock { $0.grants[grantID] }
    }

    /// Grants are in force at once, so tokens add nothing; each has to be one that was given.
    ///
    /// - Throws: InvalidGrantTokenException, ValidationException over 10 tokens.
    func requireGrants(_ tokens: [String]) throws {
        guard tokens.count <= GrantToken.countMax else {
            throw RPCError.validation("A request has at most \(GrantToken.countMax) grant tokens.")
        }
        for token in tokens {
            guard let grantID = GrantToken.grantID(token), keyID(ofGrant: grantID) != nil else {
                throw GrantToken.invalid
            }
        }
    }

    /// Puts a key in or replaces it.
    @discardableResult
    func put(_ stored: StoredKey) throws -> ActiveKey {
        let aliases = content.withLock { content in
            content.aliases.compactMap { $0.value.keyID == stored.keyID ? $0.key : nil }
        }
        let key = try ActiveKey(
            stored, aliases: aliases, configuration: configuration, rootKey: rootKey)
        content.withLock { content in
            if let old = content.keys.updateValue(key, forKey: stored.keyID),
                old.stored.grants != stored.grants
            {
                for grant in old.stored.grants { content.grants[grant.id] = nil }
            }
            for grant in stored.grants { content.grants[grant.id] = stored.keyID }
        }
        changed()
        return key
    }

    func remove(_ keyID: String) {
        content.withLock { content in
            content.keys[keyID] = nil
            content.aliases = content.aliases.filter { $0.value.keyID != keyID }
            content.grants = content.grants.filter { $0.value != keyID }
        }
        changed()
    }

    func putAlias(_ name: String, _ alias: KeyAlias) throws {
        let old = content.withLock { $0.aliases.updateValue(alias, forKey: name) }
        try renew(Set([alias.keyID] + (old.map { [$0.keyID] } ?? [])))
    }

    func removeAlias(_ name: String) throws {
        let old = content.withLock { $0.aliases.removeValue(forKey: name) }
        if let old { try renew([old.keyID]) }
    }

    /// Makes keys anew whose aliases have changed: policies may ask for them, so nothing that was
    /// allowed before may be remembered.
    private func renew(_ keyIDs: Set<String>) throws {
        changed()
        for keyID in keyIDs { if let key = self[keyID] { try put(key.stored) } }
    }
}
