import Contracts
import RPC
import SwiftProtobuf
import Synchronization
import Testing

@testable import ServiceKit

@Suite("Gathering of events")
struct EventGatheringTests {
    /// Keeps calls waiting until it is opened, and remembers what came in each.
    private final class Coordinator: Sendable {
        private struct State {
            var calls: [[String]] = []
            var isOpen = false
        }

        private let state = Mutex(State())

        var calls: [[String]] { state.withLock { $0.calls } }

        func open() { state.withLock { $0.isOpen = true } }

        @Sendable func receive(_ events: [TrailEvent]) async throws {
            state.withLock { $0.calls.append(events.map(\.eventName)) }
            while !state.withLock({ $0.isOpen }) { try await Task.sleep(for: .milliseconds(1)) }
            if events.contains(where: { $0.eventName.isEmpty }) {
                throw RPCError(.invalidArgument, reason: "INVALID_EVENTS", message: "No name.")
            }
            if events.contains(where: { $0.eventName == "full" }) {
                throw RPCError(.unavailable, reason: "STORAGE_FAILED", message: "The disk is full.")
            }
        }
    }

    private func event(_ name: String) -> TrailEvent { .with { $0.eventName = name } }

    /// Records names at once, each by a caller of its own; what each was told, "" for recorded.
    private func record(_ names: [String], _ coordinator: Coordinator) async -> [String: String] {
        let gathering = EventGathering(send: coordinator.receive)
        return await withTaskGroup(of: (String, String).self) { group in
            for name in names {
                group.addTask {
                    do {
                        try await gathering.record([event(name)])
                        return (name, "")
                    } catch { return (name, (error as? RPCError)?.reason ?? "\(error)") }
                }
            }
            while coordinator.calls.isEmpty { await Task.yield() }
            try? await Task.sleep(for: .milliseconds(50))
            coordinator.open()
            var told: [String: String] = [:]
            for await (name, answer) in group { told[name] = answer }
            return told
        }
    }

    @Test("an event that is refused does not spoil those that were sent with it")
    func poison() async throws {
        let coordinator = Coordinator()
        let names = (0..<50).map { "event-\($0)" } + [""]
        let told = await record(names, coordinator)
        #expect(told[""] == "INVALID_EVENTS")
        #expect(told.filter { !$0.key.isEmpty }.values.filter(\.isEmpty).count == 50)
    }

    @Test("nobody is told that an event is recorded when its call failed")
    func failure() async throws {
        let coordinator = Coordinator()
        let told = await record((0..<50).map { "event-\($0)" } + ["full"], coordinator)
        let calls = coordinator.calls
        for call in calls where call.contains("full") {
            #expect(Set(call.map { told[$0] }) == ["STORAGE_FAILED"])
        }
        for call in calls where !call.contains("full") {
            #expect(Set(call.map { told[$0] }) == [""])
        }
    }

    @Test("what many record at a time goes in few calls, each event once")
    func together() async throws {
        let coordinator = Coordinator()
        let names = (0..<150).map { "event-\($0)" }
        let told = await record(names, coordinator)
        #expect(Set(told.values) == [""])
        #expect(coordinator.calls.flatMap(\.self).sorted() == names.sorted())
        #expect(coordinator.calls.map(\.count).max() ?? 0 <= CoordinatorTrailRecorder.eventsMax)
        #expect(coordinator.calls.count <= 5)
    }

    @Test("too much that waits is refused")
    func bounded() async throws {
        let coordinator = Coordinator()
        let gathering = EventGathering(send: coordinator.receive)
        let many = [TrailEvent](repeating: event("one"), count: 100)
        let refused = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<90 {
                group.addTask {
                    do {
                        try await gathering.record(many)
                        return false
                    } catch { return (error as? RPCError)?.reason == "TRAIL_BUSY" }
                }
            }
            // Two calls are under way, eighty-one callers wait; before the calls begin, two fewer do.
            var refused = 0
            for await wasRefused in group {
                if wasRefused { refused += 1 }
                if refused == 7 { coordinator.open() }
            }
            return refused
        }
        #expect((7...9).contains(refused))
    }
}
