import Configuration

/// How the keys service of a Region keeps its material. Keys and defaults: Docs/configuration.md.
public struct KeyCustody: Sendable, Equatable {
    /// A key on a PKCS #11 token.
    public struct PKCS11: Sendable, Equatable {
        /// Shared library of the token's maker.
        public let modulePath: String
        public let tokenLabel: String
        public let keyLabel: String
        /// Holds the user PIN.
        public let pinFile: String

        public init(modulePath: String, tokenLabel: String, keyLabel: String, pinFile: String) {
            self.modulePath = modulePath
            self.tokenLabel = tokenLabel
            self.keyLabel = keyLabel
            self.pinFile = pinFile
        }
    }

    /// Where the root key is.
    public enum RootKeySource: Sendable, Equatable {
        /// `root.key` in the service's data directory, made on the first start.
        case dataDirectory
        /// A file that something else provides, such as a secret store; never made here.
        case file(String)
        case pkcs11(PKCS11)
    }

    public var rootKey = RootKeySource.dataDirectory
    /// Take algorithms from OpenSSL's FIPS provider only.
    public var fips = false
    /// Size of the secure heap; a power of two, 64 KiB to 1 GiB.
    public var secureHeapByteCount = 4 << 20

    public init() {}

    /// Throws: `ConfigurationError`.
    init(_ config: ConfigReader) throws {
        let custody = config.scoped(to: "keys")
        fips = custody.bool(forKey: "fips", default: false)
        secureHeapByteCount = custody.int(forKey: "secureHeapBytes", default: 4 << 20)
        guard secureHeapByteCount.nonzeroBitCount == 1,
            (1 << 16...1 << 30).contains(secureHeapByteCount)
        else {
            throw ConfigurationError(
                key: "keys.secureHeapBytes", problem: "is a power of two from 65536 to 1073741824")
        }
        let file = custody.string(forKey: "rootKey.file")
        let token = custody.scoped(to: "rootKey.pkcs11")
        guard let module = token.string(forKey: "module") else {
            if let file { rootKey = .file(file) }
            return
        }
        guard file == nil else {
            throw ConfigurationError(
                key: "keys.rootKey", problem: "names a file and a PKCS #11 token; use one")
        }
        func required(_ key: ConfigKey) throws -> String {
            guard let value = token.string(forKey: key), !value.isEmpty else {
                throw ConfigurationError(
                    key: "keys.rootKey.pkcs11.\(key)", problem: "is missing")
            }
            return value
        }
        rootKey = .pkcs11(
            PKCS11(
                modulePath: module, tokenLabel: try required("token"),
                keyLabel: try required("key"), pinFile: try required("pinFile")))
    }
}
