import ArgumentParser
import Cryptography
import Foundation
import KeyService
import ServiceKit

extension KeyCommand {
    /// The key store of one Region as a whole, on the machine that holds it.
    struct Store: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Back up, restore and check a Region's key store; change its root key.",
            discussion: """
                Works on the data directory of the configuration. A backup opens nothing without the \
                root key, which is kept apart from it.
                """,
            subcommands: [
                Backup.self, Restore.self, Check.self, RotateRoot.self, MakeRootKey.self,
            ])

        struct Backup: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Copy the store into a file; the service may run.")

            @Option(
                help: ArgumentHelp("The Region's configuration.", valueName: "file"),
                completion: .file(extensions: ["json"]))
            var config: String
            @Option(help: ArgumentHelp("A new file.", valueName: "file"), completion: .file())
            var output: String

            func run() async throws {
                let tool = try await Store.tool(config)
                try Store.reported { try tool.backUp(to: output) }
                Console.print("Copied the key store to \(output). The root key is not in it.")
            }
        }

        struct Restore: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Put a backup in the place of a store that is gone.",
                discussion: "The service must not run, and the root key has to be in its place.")

            @Option(
                help: ArgumentHelp("The Region's configuration.", valueName: "file"),
                completion: .file(extensions: ["json"]))
            var config: String
            @Option(help: ArgumentHelp("The backup.", valueName: "file"), completion: .file())
            var input: String

            func run() async throws {
                let tool = try await Store.tool(config)
                let summary = try Store.reported { try tool.restore(from: input) }
                Console.print(Store.text(summary, "Restored"))
            }
        }

        struct Check: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Open every version of every key once. The service must not run.")

            @Option(
                help: ArgumentHelp("The Region's configuration.", valueName: "file"),
                completion: .file(extensions: ["json"]))
            var config: String

            func run() async throws {
                let tool = try await Store.tool(config)
                let summary = try Store.reported { try tool.check() }
                Console.print(Store.text(summary, "Opened"))
            }
        }

        struct RotateRoot: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "rotate-root",
                abstract: "Wrap all material under another root key. The service must not run.",
                discussion: """
                    Without --new-config the file root.key is replaced. With it the root key of that \
                    configuration is used, so that a root key moves from a file to a PKCS #11 token \
                    or back; start the service with that configuration afterwards. \
                    PORTOLAN_NEW_ROOT_KEY_PASSPHRASE_FILE names the passphrase of the new file. \
                    Backups made before need the old root key.
                    """)

            @Option(
                help: ArgumentHelp("The Region's configuration.", valueName: "file"),
                completion: .file(extensions: ["json"]))
            var config: String
            @Option(
                help: ArgumentHelp(
                    "Configuration with the new root key.", valueName: "file"),
                completion: .file(extensions: ["json"]))
            var newConfig: String?

            func run() async throws {
                let tool = try await Store.tool(config)
                var custody = KeyCustody()
                if let newConfig {
                    custody = try await ConfigurationFile.load(newConfig).keyCustody
                }
                let passphrase = try RootKeyPassphrase.load(
                    ProcessInfo.processInfo.environment, RootKeyPassphrase.newVariable)
                let count = try Store.reported {
                    try tool.rotateRootKey(to: custody, passphrase: passphrase)
                }
                Console.print("\(Format.count(count)) versions of material are under the new key.")
            }
        }

        struct MakeRootKey: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "make-root-key",
                abstract: "Make a file with a new root key, for a secret store to keep.")

            @Option(help: ArgumentHelp("A new file.", valueName: "file"), completion: .file())
            var output: String

            func run() async throws {
                let passphrase = try RootKeyPassphrase.load(
                    ProcessInfo.processInfo.environment, RootKeyPassphrase.newVariable)
                try Store.reported {
                    try KeyStoreTool.makeRootKey(output, passphrase: passphrase)
                }
                Console.print("Made \(output). Name it as keys.rootKey.file.")
            }
        }

        private static func tool(_ path: String) async throws -> KeyStoreTool {
            let configuration = try await ConfigurationFile.load(path)
            return KeyStoreTool(
                KeyServiceConfiguration(
                    configuration,
                    rootKeyPassphrase: try RootKeyPassphrase.load(
                        ProcessInfo.processInfo.environment)))
        }

        /// What an operator has to mend, as a failure of the command.
        private static func reported<Value>(_ body: () throws -> Value) throws -> Value {
            do {
                return try body()
            } catch let error as CommandFailure {
                throw error
            } catch {
                throw CommandFailure("\(error).", hint: "Nothing was changed.")
            }
        }

        private static func text(_ summary: KeyStoreTool.Summary, _ verb: String) -> String {
            "\(verb) \(Format.count(summary.keyCount)) keys with "
                + "\(Format.count(summary.materialCount)) versions of material "
                + "(\(summary.region), \(summary.accountID))."
        }
    }
}
