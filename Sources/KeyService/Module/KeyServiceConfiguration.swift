package import Cryptography
package import ServiceKit

/// What the keys service of one Region has to know.
package struct KeyServiceConfiguration: Sendable {
    package let region: String
    /// 12 digits: the management account, which owns the keys.
    package let accountID: String
    /// "o-…"; may be empty.
    package let organizationID: String
    /// Holds `keys.sqlite`, `root.key` and `lock`; made with mode 0700 when it is missing.
    package let dataDirectory: String
    /// Roles by operator name.
    package let operatorRoles: [String: Set<String>]
    /// Opens the root key when its file is sealed with a passphrase.
    package let rootKeyPassphrase: SecretBytes?
    package let custody: KeyCustody

    package init(
        region: String, accountID: String, organizationID: String, dataDirectory: String,
        operatorRoles: [String: Set<String>], rootKeyPassphrase: SecretBytes? = nil,
        custody: KeyCustody = KeyCustody()
    ) {
        self.region = region
        self.accountID = accountID
        self.organizationID = organizationID
        self.dataDirectory = dataDirectory
        self.operatorRoles = operatorRoles
        self.rootKeyPassphrase = rootKeyPassphrase
        self.custody = custody
    }

    /// The part of a Region's configuration that is about keys.
    package init(_ configuration: RegionConfiguration, rootKeyPassphrase: SecretBytes? = nil) {
        self.init(
            region: configuration.region, accountID: configuration.accountID,
            organizationID: configuration.organizationID,
            dataDirectory: configuration.dataDirectory(of: .keys),
            operatorRoles: configuration.operatorRoles, rootKeyPassphrase: rootKeyPassphrase,
            custody: configuration.keyCustody)
    }

    /// ARN of a key in a Region.
    func arn(keyID: String, region: String) -> String {
        "arn:aws:kms:\(region):\(accountID):key/\(keyID)"
    }
}
