import Contracts
import Logging
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// Reads the whole log now and then, so that a bit that has flipped on the disk is found before
/// somebody needs it, and mends what is found. What nobody could give back is asked for again.
struct StorageGuard {
    let coordinator: Coordinator

    func run() async throws {
        var next = ContinuousClock.now + coordinator.settings.timings.scrub
        while true {
            try await Task.sleep(
                for: min(coordinator.settings.timings.mendRetry, coordinator.settings.timings.scrub)
            )
            for place in coordinator.damage.open {
                _ = await handle(LogError.damaged(at: place))
            }
            guard .now >= next else { continue }
            for stream in coordinator.engine.state.streams.keys {
                do {
                    try await read(stream)
                } catch let error as LogError {
                    // Noted where it was found; or the stream is gone by now.
                    coordinator.logger.debug(
                        "the reading of a stream ended",
                        metadata: ["stream": "\(stream)", "error": "\(error)"])
                }
            }
            next = .now + coordinator.settings.timings.scrub
        }
    }

    /// In every coordinator of the Region: mends what keeps this one from taking in what the others have
    /// written. Nobody else may come upon it.
    func clearTheWay() async throws {
        while true {
            try await Task.sleep(for: min(.seconds(1), coordinator.settings.timings.mendRetry))
            guard let place = coordinator.engine.obstacle else { continue }
            _ = await handle(LogError.damaged(at: place))
        }
    }

    /// Reads a stream from its beginning to its head, at a measured pace.
    private func read(_ stream: StreamName) async throws {
        var place = ReadingPlace()
        while true {
            let query = ReadQuery(stream: stream, from: place)
            let result = try await coordinator.mending {
                try await coordinator.engine.read(query)
            }
            place = place.advanced(to: result)
            if result.isAtHead { return }
            try await Task.sleep(for: coordinator.settings.timings.scrubPause)
        }
    }

    /// Mends what an error says is damaged. True when it is worth trying again.
    func handle(_ error: LogError) async -> Bool {
        guard let place = error.damaged, let isNews = coordinator.damage.begin(place) else {
            return false
        }
        var outcome = StorageMend.Outcome.open
        do {
            outcome = try await StorageMend(coordinator: coordinator, place: place).run()
        } catch {
            coordinator.logger.error(
                "a damaged entry could not be mended", metadata: ["error": "\(error)"])
        }
        coordinator.damage.end(place, isMended: outcome != .open)
        if outcome != .intact, isNews || outcome != .open { await tell(place, outcome) }
        return outcome != .open && outcome != .copiedAgain
    }

    private func tell(_ place: EntryPlace, _ outcome: StorageMend.Outcome) async {
        coordinator.logger.error(
            "the log's storage is damaged",
            metadata: [
                "stream": "\(place.stream)", "sequence": "\(place.sequence)",
                "outcome": "\(outcome.text)",
            ])
        let event = coordinator.serviceEvent(
            "StorageDamaged",
            [
                "stream": place.stream.text, "sequence": String(place.sequence),
                "outcome": outcome.text,
            ])
        do {
            _ = try await coordinator.trail.record([event])
        } catch {
            coordinator.logger.error(
                "the damage could not be recorded", metadata: ["error": "\(error)"])
        }
    }
}
