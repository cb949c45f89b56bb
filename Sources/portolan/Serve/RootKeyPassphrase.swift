import Cryptography
import Foundation
import ServiceKit

/// The passphrase that opens the keys service's root key, where one is used.
enum RootKeyPassphrase {
    /// Names the file; the passphrase itself never stands in the environment.
    static let variable = "PORTOLAN_ROOT_KEY_PASSPHRASE_FILE"
    /// The same for a root key that is going to be made.
    static let newVariable = "PORTOLAN_NEW_ROOT_KEY_PASSPHRASE_FILE"

    /// Nil when the variable is not set. Throws `StartError` when the file is missing or empty.
    static func load(
        _ environment: [String: String], _ variable: String = RootKeyPassphrase.variable
    ) throws -> SecretBytes? {
        guard let path = environment[variable], !path.isEmpty else { return nil }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StartError(
                "The passphrase file \(path) cannot be read.",
                remedy: "Check \(variable) and the file's permissions.")
        }
        var bytes = [UInt8](data)
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        guard !bytes.isEmpty else {
            throw StartError(
                "The passphrase file \(path) is empty.",
                remedy: "Write the passphrase on its first line.")
        }
        return try SecretBytes(wiping: &bytes)
    }
}
