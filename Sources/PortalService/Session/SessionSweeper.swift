import Foundation
import Logging

/// Removes what has expired from this Region's own stream, a bounded number at a time.
struct SessionSweeper: Sendable {
    static let batchMax = 500
    let log: ReplicatedRecordLog<SessionState>
    let now: @Sendable () -> Date
    let logger: Logger

    /// Runs until cancelled.
    func run() async {
        while !Task.isCancelled {
            do {
                while try await sweep() == Self.batchMax {}
            } catch {
                logger.debug("expired sessions stay for now", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(60))
        }
    }

    private func sweep() async throws -> Int {
        let time = now().microseconds
        let keys = try log.ownKeys(limit: Self.batchMax) { $0.isOver($1, now: time) }
        guard !keys.isEmpty else { return 0 }
        _ = try await log.write { _ in
            RecordWrite(changes: keys.map { RecordChange(key: $0, value: nil) }, events: [])
        }
        return keys.count
    }
}
