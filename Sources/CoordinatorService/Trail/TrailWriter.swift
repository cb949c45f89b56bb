import Contracts
import Foundation
import ReplicationLog
import ServiceKit

/// Makes events ready for the chain, and records those that stand by themselves.
struct TrailWriter: Sendable {
    let engine: any LogEngine
    let region: String
    let accountID: String
    let now: @Sendable () -> Int64

    func drafts(_ events: [TrailEvent]) -> [TrailDraft] { events.map(draft) }

    func draft(_ event: TrailEvent) -> TrailDraft {
        let time = event.eventTimeUs > 0 ? event.eventTimeUs : now()
        let id = TimeOrderedUUID(atMicroseconds: time).text
        let record = CloudTrailRecord(
            event: event, eventID: id, timeMicroseconds: time, region: region,
            accountID: accountID)
        return TrailDraft(
            eventID: id, eventTimeMicroseconds: time, event: event, cloudTrailJSON: record.json)
    }

    /// Returns the IDs once the events are on disk.
    func record(_ events: [TrailEvent]) async throws -> [String] {
        let drafts = drafts(events)
        try await engine.record(drafts)
        return drafts.map(\.eventID)
    }
}
