public import Contracts
public import RPC

/// Writes events to the Region's trail before their action takes effect.
public protocol TrailRecorder: Sendable {
    /// Returns once the events are on disk. If it throws, the action must not happen.
    func record(_ events: [TrailEvent]) async throws
}

/// Records through the Region's coordinator.
public struct CoordinatorTrailRecorder: TrailRecorder {
    private let client: TrailClient

    public init(channel: any CallChannel) { self.client = TrailClient(channel) }

    public func record(_ events: [TrailEvent]) async throws {
        for start in stride(from: 0, to: events.count, by: 100) {
            var request = TrailRecordRequest()
            request.events = Array(events[start..<min(start + 100, events.count)])
            _ = try await client.record(request, options: CallOptions(timeout: .seconds(5)))
        }
    }
}
