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
        return String(unsafeUninitializedCapacity: 36) { text in
            var position = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    text[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = digit < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - digit % 16 * 4) & 15)
                text[position] =
                    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
                position += 1
            }
            return position
        }
    }
}
