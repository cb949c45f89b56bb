import Logging
import ReplicationLog

/// Reads again what is kept in memory when a fork of the log has been taken back: in every process over
/// one database, not only in the one that took it back.
struct BookKeeping {
    let coordinator: Coordinator

    func run() async throws {
        while true {
            let version = coordinator.hub.version
            if coordinator.instanceBook.isBehind {
                do {
                    try await coordinator.dataKeys.reload(coordinator.engine)
                    try await coordinator.instanceBook.reload(coordinator.engine)
                } catch let error as LogError {
                    coordinator.logger.error(
                        "the log could not be read again", metadata: ["error": "\(error)"])
                    try await Task.sleep(for: .milliseconds(200))
                    continue
                }
            }
            try await coordinator.hub.wait(past: version)
        }
    }
}
