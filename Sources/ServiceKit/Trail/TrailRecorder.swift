public import Contracts
public import RPC

/// Writes events to the Region's trail before their action takes effect.
public protocol TrailRecorder: Sendable {
    /// Returns once the events are on disk. If it throws, the action must not happen.
    func record(_ events: [TrailEvent]) async throws
}

/// Records through the Region's coordinator. What many callers record at a time goes there together.
public struct CoordinatorTrailRecorder: TrailRecorder {
    /// Of one call to the coordinator.
    static let eventsMax = 100

    private let gathering: EventGathering

    public init(channel: any CallChannel) {
        let client = TrailClient(channel)
        gathering = EventGathering { events in
            var request = TrailRecordRequest()
            request.events = events
            _ = try await client.record(request, options: CallOptions(timeout: .seconds(5)))
        }
    }

    /// Throws: what the coordinator says; RESOURCE_EXHAUSTED TRAIL_BUSY when too much waits for it.
    public func record(_ events: [TrailEvent]) async throws {
        for start in stride(from: 0, to: events.count, by: Self.eventsMax) {
            try await gathering.record(
                Array(events[start..<min(start + Self.eventsMax, events.count)]))
        }
    }
}
