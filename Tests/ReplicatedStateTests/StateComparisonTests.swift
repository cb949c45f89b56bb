import Contracts
import Foundation
import RPC
import ReplicatedStateTesting
import Testing

@testable import ReplicatedState

@Suite("What is served, compared with the log", .timeLimit(.minutes(2)))
struct StateComparisonTests {
    let world = TwoRegions()

    /// At once, and as often as it finds something.
    private static let eager = ComparisonPace(
        restMax: .milliseconds(30), confirmAfter: .milliseconds(30), rebuildRest: .zero)
    /// As the tests ask.
    private static let never = ComparisonPace(first: .seconds(3_600), restMax: .seconds(3_600))

    private func compared(
        _ service: TextService
    ) async throws -> StateComparison<TextState>.Verdict? {
        try await StateComparison(replica: service.replica).run()
    }

    /// Takes an entry out of what a replica serves, as a fault would.
    private func lose(_ key: String, in service: TextService) {
        service.replica.withCore { core in
            core.state.texts[key] = nil
            core.state.versions[key] = nil
        }
    }

    @Test("a record that is missing, and one that the log does not know, are found")
    func found() async throws {
        let service = TextService(world.primary, comparisonPace: Self.never)
        try await withRunning(service.run) {
            for key in ["a", "b", "c"] { _ = try await service.put(key, "of \(key)") }
            #expect(try await compared(service)?.isEqual == true)
            lose("b", in: service)
            let verdict = try #require(try await compared(service))
            #expect(verdict.differing == ["control b"])
            service.replica.withCore { core in
                core.state.versions["b"] = 1
                core.state.texts["b"] = "again"
                core.state.texts["void"] = "never written"
                core.state.versions["void"] = 1
            }
            let other = try #require(try await compared(service))
            #expect(other.differing.isEmpty)
            #expect(other.surplus == 1)
        }
    }

    @Test("a replica that differs is built anew, and serves what the log says")
    func mended() async throws {
        let service = TextService(world.primary, comparisonPace: Self.eager)
        try await withRunning(service.run) {
            for key in ["a", "b"] { _ = try await service.put(key, "of \(key)") }
            #expect(await eventually { service.replica.comparisons.comparisons > 2 })
            #expect(service.replica.comparisons.differences == 0)
            lose("a", in: service)
            #expect(
                await eventually {
                    service.replica.comparisons.differences > 0
                        && (try? service.text("a")) == "of a"
                })
            _ = try await service.put("c", "of c")
            let found = service.replica.comparisons.differences
            let made = service.replica.comparisons.comparisons
            #expect(await eventually { service.replica.comparisons.comparisons > made + 2 })
            #expect(service.replica.comparisons.differences == found)
        }
    }

    @Test("one that differs again right away is not built anew again and again")
    func onceAnHour() async throws {
        let pace = ComparisonPace(
            restMax: .milliseconds(30), confirmAfter: .milliseconds(30))
        let service = TextService(world.primary, comparisonPace: pace)
        try await withRunning(service.run) {
            _ = try await service.put("a", "of a")
            lose("a", in: service)
            #expect(await eventually { (try? service.text("a")) == "of a" })
            lose("a", in: service)
            #expect(await eventually { service.replica.comparisons.differences > 3 })
            #expect(try service.text("a") == nil)
        }
    }

    @Test("a difference that has gone at the next look is no alarm")
    func passed() {
        typealias Verdict = StateComparison<TextState>.Verdict
        let found = Verdict(generation: 1, entries: 9, differing: ["control a"], surplus: 2)
        #expect(found.confirmed(by: found)?.isEqual == false)
        let equal = Verdict(generation: 1, entries: 9)
        #expect(found.confirmed(by: equal)?.isEqual == true)
        let others = Verdict(generation: 1, entries: 9, differing: ["control b"])
        #expect(found.confirmed(by: others)?.isEqual == true)
        // It has been built anew meanwhile.
        let anew = Verdict(generation: 2, entries: 9, differing: ["control a"], surplus: 2)
        #expect(found.confirmed(by: anew) == nil)
    }

    @Test("it says nothing of a state that has left something out or is not open")
    func notComparable() async throws {
        let service = TextService(world.primary, comparisonPace: Self.never)
        #expect(try await compared(service) == nil)
        try await withRunning(service.run) {
            _ = try await service.put("a", "of a")
            service.replica.withCore { $0.state.unknownKeys = ["a"] }
            #expect(try await compared(service) == nil)
        }
    }

    @Test("nothing is found while records are made, changed and deleted all the time")
    func busy() async throws {
        let writer = TextService(world.primary, comparisonPace: Self.never)
        let reader = TextService(world.other, comparisonPace: Self.never)
        try await withRunning(writer.run) {
            try await withRunning(reader.run) {
                _ = try await writer.put("first", "text")
                #expect(await reader.isOpen())
                try await withRunning({
                    var count: UInt64 = 0
                    while !Task.isCancelled {
                        count += 1
                        let key = "key-\(count * 7 % 23)"
                        let isDeletion = count % 3 == 0
                        _ = try await writer.writer.submit(until: .after(.seconds(20))) { state in
                            let version = (state.versions[key] ?? 0) + 1
                            guard isDeletion, state.texts[key] != nil else {
                                return DomainWrite((), changes: [state.put(key, "text")])
                            }
                            return DomainWrite(
                                (), changes: [.delete(key, version: version)])
                        }
                    }
                }) {
                    var made = 0
                    for _ in 0..<20 {
                        for service in [writer, reader] {
                            guard let verdict = try await compared(service) else { continue }
                            made += 1
                            #expect(verdict.isEqual, "\(verdict)")
                        }
                    }
                    #expect(made > 20)
                }
            }
        }
    }
}
