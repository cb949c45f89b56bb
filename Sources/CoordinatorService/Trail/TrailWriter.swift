import Contracts
import Foundation
import ReplicationLog

/// Makes events ready for the chain, and records those that stand by themselves.
struct TrailWriter: Sendable {
    let engine: any LogEngine
    let region: String
    let accountID: String
    let now: @Sendable () -> Int64

    func drafts(_ events: [TrailEvent]) -> [TrailDraft] { events.map(draft) }

    func draft(_ event: TrailEvent) -> TrailDraft {
        let time = event.eventTimeUs > 0 ? event.eventTimeUs : now()
        let id = EventID.make(timeMicroseconds: time)
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

/// UUIDs of version 7 (RFC 9562): they begin with the time, so that an index over them grows at its
/// end.
enum EventID {
    static func make(timeMicroseconds: Int64) -> String {
        let milliseconds = UInt64(max(0, timeMicroseconds / 1_000)) & 0xFFFF_FFFF_FFFF
        var generator = SystemRandomNumberGenerator()
        let high = milliseconds << 16 | 0x7000 | UInt64.random(in: 0...0xFFF, using: &generator)
        let low = generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let hex = pad(high) + pad(low)
        var parts: [Substring] = []
        var rest = Substring(hex)
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }

    private static func pad(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
