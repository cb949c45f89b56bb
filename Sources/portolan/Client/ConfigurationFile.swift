import Foundation
import ServiceKit

/// Loads a Region's configuration for a command.
enum ConfigurationFile {
    /// Throws `CommandFailure` with exit code 78 when the file is missing or not JSON, and
    /// `ConfigurationError` naming the key when a value is wrong.
    static func load(_ path: String) async throws -> RegionConfiguration {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw CommandFailure(
                "The configuration file \(path) does not exist or cannot be read.",
                hint: "Its keys are described in Docs/configuration.md.",
                exitCode: CommandFailure.configurationExitCode)
        }
        do {
            return try await RegionConfiguration.load(file: path)
        } catch let error as ConfigurationError {
            throw CommandFailure(
                "\(path): \(error).",
                hint: "The keys and their defaults are in Docs/configuration.md.",
                exitCode: CommandFailure.configurationExitCode)
        } catch {
            throw CommandFailure(
                "The configuration file \(path) is not a JSON object of the expected shape.",
                hint: "Check it with: python3 -m json.tool \(path)",
                exitCode: CommandFailure.configurationExitCode)
        }
    }
}
