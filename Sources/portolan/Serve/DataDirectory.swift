import Foundation
import ServiceKit

/// The directory a service keeps its data in.
enum DataDirectory {
    /// Makes it, readable by its owner only, and checks that it can be written to.
    ///
    /// Throws `StartError`.
    static func prepare(_ configuration: RegionConfiguration, _ service: ServiceName) throws {
        let path = configuration.dataDirectory(of: service)
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw StartError(
                "The data directory \(path) cannot be made.",
                remedy: "Check dataDirectory in the configuration and its permissions.")
        }
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            throw StartError(
                "The data directory \(path) cannot be written to.",
                remedy: "Make it writable for the user that runs the service.")
        }
    }
}
