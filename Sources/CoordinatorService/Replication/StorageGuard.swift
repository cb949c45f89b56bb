import Contracts
import Logging
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// Reads the whole log now and then, so that a bit that has flipped on the disk is found before
/// somebody needs it, and mends what can be mended: a copy of another Region's stream is dropped and
/// copied again. What this Region writes itself nobody sends back; that is an alarm for the operator.
struct StorageGuard {
    let coordinator: Coordinator

    func run() async throws {
        while true {
            try await Task.sleep(for: coordinator.settings.timings.scrub)
            for stream in coordinator.engine.state.streams.keys {
                do {
                    try await read(stream)
                } catch let error as LogError {
                    try await handle(error)
                }
            }
        }
    }

    /// Reads a stream from its beginning to its head, at a measured pace.
    private func read(_ stream: StreamName) async throws {
        var after: UInt64 = 0
        while true {
            let result = try await coordinator.engine.read(
                ReadQuery(stream: stream, after: after))
            after = result.through.sequence
            if result.isAtHead { return }
            try await Task.sleep(for: coordinator.settings.timings.scrubPause)
        }
    }

    /// Raises the alarm, and drops the stream when it is a copy.
    func handle(_ error: LogError) async throws {
        guard let stream = error.damagedStream else { return }
        let copied = SubscriptionRules.streamToCopyAgain(
            after: error, coordinator.engine.state)
        coordinator.logger.error(
            copied == nil
                ? "the log's storage is damaged: restore this Region, or promote another one"
                : "the log's storage is damaged: the stream is copied again",
            metadata: ["stream": "\(stream)", "error": "\(error)"])
        let event = TrailEvent(
            name: "StorageDamaged", source: AdministrativeCall.source,
            actor: .with {
                $0.type = "AWSService"
                $0.userName = "coordinator.\(coordinator.region)"
            }, type: "AwsServiceEvent",
            serviceDetails: [
                "stream": stream.text, "problem": error.message,
                "copiedAgain": copied == nil ? "no" : "yes",
            ])
        do {
            _ = try await coordinator.trail.record([event])
            if let copied { try await coordinator.engine.drop(copied) }
        } catch let error as LogError {
            coordinator.logger.error(
                "the damaged copy could not be dropped", metadata: ["error": "\(error)"])
        }
    }
}
