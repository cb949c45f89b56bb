import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@Suite("Log service")
struct LogServiceTests {
    private func request(
        _ domain: String, _ scope: CoordinatorScope, logID: String = ""
    ) -> CoordinatorAppendRequest {
        .with {
            $0.logID = logID
            $0.scope = scope
            $0.domain = domain
            $0.records = [
                .with {
                    $0.key = "k"
                    $0.version = 1
                }
            ]
        }
    }

    @Test("a service writes only its own domains, each in its own stream")
    func owners() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        let wrong: [(String, String, CoordinatorScope)] = [
            ("directory", "permission", .control), ("permission", "directory", .control),
            ("portal", "directory", .control), ("directory", "instance", .control),
            ("directory", "canary", .control), ("directory", "directory", .regional),
            ("portal", "session", .control), ("keys", "directory", .control),
            ("directory", "directory", .unspecified), ("directory", "nothing", .control),
        ]
        for (service, domain, scope) in wrong {
            let log = try world.log(as: service)
            let error = await refusal { _ = try await log.append(request(domain, scope)) }
            #expect(error?.reason == "DOMAIN_NOT_OWNED")
        }
        let right: [(String, String, CoordinatorScope)] = [
            ("directory", "directory", .control), ("permission", "permission", .control),
            ("permission", "application", .regional), ("portal", "session", .regional),
            ("portal", "scim-token", .control), ("portal", "break-glass", .control),
        ]
        for (service, domain, scope) in right {
            let log = try world.log(as: service)
            #expect(await refusal { _ = try await log.append(request(domain, scope)) } == nil)
        }
        await world.end()
    }

    @Test("the service of another Region does not write here")
    func otherRegion() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        let log = CoordinatorLogClient(
            try world.transport(
                to: World.primary, as: .service(name: "directory", region: World.second)))
        let error = await refusal { _ = try await log.append(request("directory", .control)) }
        #expect(error?.reason == "DOMAIN_NOT_OWNED")
        await world.end()
    }

    @Test("without an instance nothing is written and no tail begins")
    func noInstance() async throws {
        let world = try await World([World.primary])
        let log = try world.log(as: "directory")
        let error = await refusal { _ = try await log.append(request("directory", .control)) }
        #expect(error?.reason == "REGION_NOT_ENABLED")
        let tail = await refusal {
            for try await _ in try await log.tail(.with { $0.domains = ["directory"] }) {}
        }
        #expect(tail?.reason == "REGION_NOT_ENABLED")
        await world.end()
    }

    @Test("what was decided on another reading of the log is not written")
    func otherReading() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        let log = try world.log(as: "directory")
        let stale = request("directory", .control, logID: "another")
        let error = await refusal { _ = try await log.append(stale) }
        #expect(error?.reason == "DOMAIN_ADVANCED")
        #expect(error?.metadata["domain-sequence"] == nil)
        let logID = try await log.getPositions(.init()).logID
        let fresh = request("directory", .control, logID: logID)
        #expect(await refusal { _ = try await log.append(fresh) } == nil)
        await world.end()
    }

    @Test("batches say what they go on from")
    func after() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        for key in ["a", "b", "c"] { try await world.append([key]) }
        // From disk after a start, and from memory.
        await world.stop(World.primary)
        try await world.start(World.primary)
        let log = try world.log(as: "directory")
        let tail = try await log.tail(
            .with {
                $0.domains = ["directory"]
                $0.follow = true
            }, options: CallOptions(timeout: .seconds(20)))
        var stands: [String: UInt64] = [:]
        var keys: [String] = []
        var isWritten = false
        for try await message in tail {
            if case .caughtUp = message.kind, !isWritten {
                isWritten = true
                try await world.append(["d"])
            }
            guard case .batch(let batch) = message.kind else { continue }
            #expect(batch.after == stands[batch.stream] ?? 0)
            stands[batch.stream] = batch.through.sequence
            keys += batch.entries.map(\.key)
            if keys.last == "d" { break }
        }
        #expect(keys == ["a", "b", "c", "d"])
        await world.end()
    }

    @Test("a tail starts, sends what is there, says so, and goes on with what comes")
    func follows() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        try await world.append(["a", "b"])
        let log = try world.log(as: "directory")
        let tail = try await log.tail(
            .with {
                $0.domains = ["directory"]
                $0.follow = true
            }, options: CallOptions(timeout: .seconds(20)))
        var messages = tail.makeAsyncIterator()
        let start = try #require(try await messages.next())
        #expect(start.start.entriesTotal == 2)
        #expect(!start.start.reset)
        #expect(start.start.instanceArn.hasPrefix("arn:aws:sso:::instance/ssoins-"))
        var seen: [String] = []
        while let message = try await messages.next() {
            seen += message.batch.entries.map(\.key)
            if case .caughtUp = message.kind { break }
        }
        #expect(seen == ["a", "b"])
        let position = try await world.append(["c"])
        var through: UInt64 = 0
        while through < position.sequence, let message = try await messages.next() {
            seen += message.batch.entries.map(\.key)
            through = message.batch.through.sequence
        }
        #expect(seen == ["a", "b", "c"])
        await world.end()
    }

    @Test("a tail resumes where it stood, and starts over for positions of another log")
    func resumes() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        let position = try await world.append(["a"])
        try await world.append(["b"])
        let log = try world.log(as: "directory")
        let logID = try await log.getPositions(.init()).logID
        for (heldLog, expected, resets) in [(logID, ["b"], false), ("other", ["a", "b"], true)] {
            var seen: [String] = []
            var wasReset = false
            let tail = try await log.tail(
                .with {
                    $0.domains = ["directory"]
                    $0.after = [position]
                    $0.logID = heldLog
                })
            for try await message in tail {
                if case .start(let start) = message.kind { wasReset = start.reset }
                seen += message.batch.entries.map(\.key)
            }
            #expect(seen == expected)
            #expect(wasReset == resets)
        }
        await world.end()
    }

    @Test("a tail with no domains or a nonsensical position is refused")
    func badTail() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        let log = try world.log(as: "directory")
        let logID = try await log.getPositions(.init()).logID
        let none = await refusal { for try await _ in try await log.tail(.init()) {} }
        #expect(none?.reason == "INVALID_DOMAINS")
        let nonsense = await refusal {
            let tail = try await log.tail(
                .with {
                    $0.domains = ["directory"]
                    $0.logID = logID
                    $0.after = [.with { $0.stream = "../../etc" }]
                })
            for try await _ in tail {}
        }
        #expect(nonsense?.reason == "INVALID_POSITION")
        await world.end()
    }
}
