import Contracts
import Foundation
import GRDB
import RPC
import ServiceKit
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Trail and figures of keys")
struct TrailAndUsageTests {
    typealias R = TestRegions

    @Test("a change that cannot be recorded does not happen")
    func noTrailNoChange() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        let trail = try #require(regions.trails[R.home])
        trail.setBroken(true)
        await expectError("TRAIL_UNAVAILABLE", .unavailable) {
            try await regions.disable(key.keyID)
        }
        await expectError("TRAIL_UNAVAILABLE") { try await regions.makeKey() }
        #expect(try await regions.describe(key.keyID).keyState == .enabled)
        #expect(try regions.module(R.home).administration.ring.keyCount == 1)
        // Use of keys goes on without a coordinator.
        #expect(try await regions.decrypt(regions.encrypt("x", key.keyID)) == "x")
        trail.setBroken(false)
        try await regions.disable(key.keyID)
    }

    @Test("the event is there before the change")
    func order() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        let ring = try regions.module(R.home).administration.ring
        let trail = try #require(regions.trails[R.home])
        let states = Recorded()
        trail.onRecord { _ in states.append(ring[key.keyID]?.stored.state) }
        try await regions.disable(key.keyID)
        #expect(states.all == [.enabled])
        #expect(ring[key.keyID]?.stored.state == .disabled)
    }

    @Test("events have CloudTrail's names, the operator and the key, refusals their error")
    func shape() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        await expectError("AccessDeniedException") {
            try await regions.management(as: "otto").disableKey(.with { $0.keyID = key.keyID })
        }
        let trail = try #require(regions.trails[R.home])
        #expect(trail.names == ["CreateKey", "DisableKey!"])
        let created = try #require(trail.events.first)
        #expect(created.eventSource == "kms.amazonaws.com")
        #expect(created.actor.type == "IAMUser" && created.actor.userName == "ada")
        #expect(created.resources.map(\.arn) == [key.arn])
        #expect(created.requestParametersJson.contains("\"multiRegion\":true"))
        let refused = try #require(trail.events.last)
        #expect(refused.actor.userName == "otto")
        #expect(refused.errorCode == "AccessDeniedException")
        #expect(refused.responseElementsJson.isEmpty)
    }

    @Test("concurrent changes of one key are all recorded and end in one consistent state")
    func concurrency() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        await withTaskGroup(of: Void.self) { group in
            for round in 0..<40 {
                group.addTask {
                    let management = try? regions.management()
                    let options = CallOptions(timeout: .seconds(120))
                    if round.isMultiple(of: 2) {
                        _ = try? await management?.disableKey(
                            .with { $0.keyID = key.keyID }, options: options)
                    } else {
                        _ = try? await management?.enableKey(
                            .with { $0.keyID = key.keyID }, options: options)
                    }
                }
            }
        }
        let trail = try #require(regions.trails[R.home])
        #expect(trail.events.count == 41)
        let administration = try regions.module(R.home).administration
        let stored = try #require(administration.store.contents().keys.first)
        #expect(administration.ring[key.keyID]?.stored == stored)
        let last = try #require(trail.events.last)
        #expect((last.eventName == "DisableKey") == (stored.state == .disabled))
    }

    @Test("requests are counted per key, principal and operation, refused ones too, over a restart")
    func usage() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        for _ in 0..<3 { _ = try await regions.encrypt("x", key.keyID) }
        await expectError("AccessDeniedException") {
            try await regions.encrypt("x", key.keyID, as: "otto")
        }
        try await regions.module(R.home).maintenance.runOnce()
        regions.stop(R.home)
        try regions.start(R.home)
        _ = try await regions.encrypt("x", key.keyID)
        let usage = try await regions.management().getUsage(.with { $0.keyID = key.keyID }).usage
        let ada = try #require(
            usage.first { $0.operation == "Encrypt" && $0.principal.hasSuffix("/ada") })
        #expect(ada.requests == 4 && ada.refused == 0)
        #expect(ada.month == "2026-11" && ada.region == R.home && ada.keyID == key.keyID)
        let otto = try #require(
            usage.first { $0.operation == "Encrypt" && $0.principal.hasSuffix("/otto") })
        #expect(otto.requests == 1 && otto.refused == 1)
    }

    static let monthStarts: [(Int64, String)] = [
        (0, "1970-01"), (2_678_399_999_999, "1970-01"), (2_678_400_000_000, "1970-02"),
        (951_782_400_000_000, "2000-02"), (951_868_800_000_000, "2000-03"),
        (1_798_761_599_999_999, "2026-12"), (1_798_761_600_000_000, "2027-01"),
    ]

    @Test("months begin and end where the calendar says", arguments: monthStarts)
    func months(microseconds: Int64, text: String) throws {
        let month = UsageMonth(microseconds: microseconds)
        #expect(month.text == text)
        #expect(UsageMonth(text) == month)
        #expect(month.startMicroseconds <= microseconds)
        #expect(month.next.startMicroseconds > microseconds)
        #expect(UsageMonth(microseconds: month.next.startMicroseconds) == month.next)
        #expect(UsageMonth(microseconds: month.next.startMicroseconds - 1) == month)
    }

    @Test("a text that is no month is none", arguments: ["", "2026", "2026-13", "26-01", "2026-1"])
    func noMonth(text: String) { #expect(UsageMonth(text) == nil) }

    @Test("what is counted before a month ends stays in it, and a month can be asked for")
    func monthly() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        for _ in 0..<2 { _ = try await regions.encrypt("x", key.keyID) }
        // 2026-11-24 is the clock's first day.
        regions.clock.advance(days: 7)
        _ = try await regions.encrypt("x", key.keyID)
        func requests(_ month: String) async throws -> UInt64 {
            try await regions.management().getUsage(
                .with {
                    $0.keyID = key.keyID
                    $0.month = month
                }
            ).usage.filter { $0.operation == "Encrypt" }.reduce(0) { $0 + $1.requests }
        }
        #expect(try await requests("2026-11") == 2)
        #expect(try await requests("2026-12") == 1)
        #expect(try await requests("") == 3)
        await expectError("ValidationException") { try await requests("December") }
    }

    @Test("requests are metrics with key, Region, principal and operation")
    func metrics() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        _ = try await regions.encrypt("x", key.keyID)
        await expectError("AccessDeniedException") {
            try await regions.encrypt("x", key.keyID, as: "otto")
        }
        let figures = try await regions.module(R.home).figures
        func value(_ name: String, _ principal: String) -> Double? {
            figures.first { $0.name == name }?.samples.first { sample in
                let labels = Dictionary(uniqueKeysWithValues: sample.labels)
                return labels["key"] == key.keyID && labels["region"] == R.home
                    && labels["operation"] == "Encrypt"
                    && labels["principal"]?.hasSuffix(principal) == true
            }?.value
        }
        #expect(value(UsageMetrics.requestsName, "/ada") == 1)
        #expect(value(UsageMetrics.refusedName, "/ada") == 0)
        #expect(value(UsageMetrics.requestsName, "/otto") == 1)
        #expect(value(UsageMetrics.refusedName, "/otto") == 1)
    }

    @Test("figures that could not be written are kept for the next time")
    func failedFlush() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        let administration = try regions.module(R.home).administration
        _ = try await regions.encrypt("x", key.keyID)
        try administration.store.writing { try $0.execute(sql: "ALTER TABLE usage RENAME TO away") }
        #expect(throws: RPCError.self) { try administration.meter.flush() }
        try administration.store.writing { try $0.execute(sql: "ALTER TABLE away RENAME TO usage") }
        let usage = try administration.meter.usage(keyID: key.keyID, month: "", region: R.home)
        #expect(usage.first { $0.operation == "Encrypt" }?.requests == 1)
    }
}
