import Contracts
import RPC
import ReplicatedState
import ReplicatedStateTesting
import Testing

/// Batches that are decided while the one before them is on its way.
@Suite("Writes behind a write", .timeLimit(.minutes(2)))
struct WritePipelineTests {
    let world = TwoRegions()

    private func withService(
        _ delay: Duration, _ body: @escaping @Sendable (TextService) async throws -> Void
    ) async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            #expect(await service.isOpen())
            _ = try await service.put("first", "makes the data key")
            world.primary.coordinator.delayAppends(delay)
            try await body(service)
        }
    }

    @Test("of callers that want the same name, one gets it")
    func sameName() async throws {
        try await withService(.milliseconds(5)) { service in
            let taken = try await withThrowingTaskGroup(of: Bool.self) { group in
                for caller in 0..<40 {
                    group.addTask {
                        try? await Task.sleep(for: .milliseconds(caller / 4))
                        let error = await failure {
                            try await service.writer.submit(until: .after(.seconds(30))) { state in
                                guard !state.texts.values.contains("the name") else {
                                    throw RPCError(
                                        .alreadyExists, reason: "TAKEN", message: "Taken.")
                                }
                                return DomainWrite(
                                    (), changes: [state.put("user-\(caller)", "the name")],
                                    exclusive: ["name"])
                            }
                        }
                        #expect(error == nil || error?.reason == "TAKEN")
                        return error == nil
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(taken == 1)
            #expect(
                try service.replica.read { $0.texts.values.count { $0 == "the name" } } == 1)
        }
    }

    @Test("nothing is put into what is being deleted")
    func deletedGroup() async throws {
        try await withService(.milliseconds(3)) { service in
            for round in 0..<15 {
                let group = "group-\(round)"
                _ = try await service.put(group, "there")
                await withTaskGroup(of: Void.self) { tasks in
                    for member in 0..<8 {
                        tasks.addTask {
                            try? await Task.sleep(for: .milliseconds(member % 4))
                            _ = try? await add(member, to: group, service)
                        }
                    }
                    tasks.addTask {
                        try? await Task.sleep(for: .milliseconds(round % 5))
                        _ = try? await delete(group, service)
                    }
                }
                #expect(try service.text(group) == nil)
                let left = try service.replica.read { state in
                    state.texts.keys.filter { $0.hasPrefix("\(group)/") }
                }
                #expect(left.isEmpty)
            }
        }
    }

    private func add(_ member: Int, to group: String, _ service: TextService) async throws {
        _ = try await service.writer.submit(until: .after(.seconds(30))) { state in
            guard state.texts[group] != nil else {
                throw RPCError(.notFound, reason: "NONE", message: "None.")
            }
            return DomainWrite(
                (), changes: [state.put("\(group)/\(member)", "member")], shared: [group])
        }
    }

    private func delete(_ group: String, _ service: TextService) async throws {
        _ = try await service.writer.submit(until: .after(.seconds(30))) { state in
            let members = state.texts.keys.filter { $0.hasPrefix("\(group)/") }
            let changes = ([group] + members).map {
                RecordChange.delete($0, version: (state.versions[$0] ?? 0) + 1)
            }
            return DomainWrite((), changes: changes)
        }
    }

    @Test("two writers that are slow and in each other's way lose no step")
    func competing() async throws {
        try await withService(.milliseconds(2)) { one in
            let two = TextService(world.primary)
            try await withRunning(two.run) {
                #expect(await two.isOpen())
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<24 {
                        let service = caller % 2 == 0 ? one : two
                        group.addTask {
                            _ = try await service.writer.submit(until: .after(.seconds(60))) {
                                state in
                                let number = state.texts["n"].flatMap { Int($0) } ?? 0
                                return DomainWrite((), changes: [state.put("n", "\(number + 1)")])
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(await eventually { (try? one.text("n")) == "24" })
                #expect(await eventually { (try? two.text("n")) == "24" })
            }
        }
    }

    /// Many writers of keys of their own; returns those that were told that they have written.
    private func write(_ count: Int, _ prefix: String, _ service: TextService) async -> Set<String>
    {
        await withTaskGroup(of: String?.self) { group in
            for number in 0..<count {
                group.addTask {
                    let key = "\(prefix)-\(number)"
                    try? await Task.sleep(for: .milliseconds(number % 16))
                    guard (try? await service.put(key, "there")) != nil else { return nil }
                    #expect((try? service.text(key)) == "there")
                    return key
                }
            }
            return await group.reduce(into: []) { if let key = $1 { $0.insert(key) } }
        }
    }

    /// Whether the service serves what the log holds, and that is what was acknowledged at least.
    private func isWhole(_ service: TextService, _ written: Set<String>) async -> Bool {
        await eventually {
            let held = world.log.entries(of: "control")
                .reduce(into: [String: UInt64]()) { $0[$1.key] = $1.version }
                .filter { !$0.key.hasPrefix("data-key/") }
            let served = try? service.replica.read { $0.versions }
            return served == held && written.allSatisfy { held[$0] != nil }
        }
    }

    @Test("an append follows one that is on its way, and overtakes it in vain")
    func following() async throws {
        try await withService(.milliseconds(4)) { service in
            for round in 0..<5 {
                let written = await write(100, "round-\(round)", service)
                #expect(written.count == 100)
                #expect(await isWhole(service, written))
            }
            #expect(world.log.appendsBehind > 0)
        }
    }

    @Test("behind an append whose end nobody knows nothing is lost, and nothing half applied")
    func lostAnswers() async throws {
        try await withService(.milliseconds(4)) { service in
            var written: Set<String> = []
            for round in 0..<6 {
                // An append that has got no answer four times is given up, and is in the log.
                world.log.loseAnswers(5 + round % 3)
                written.formUnion(await write(60, "round-\(round)", service))
                world.log.loseAnswers(0)
                #expect(await isWhole(service, written))
            }
            #expect(written.count < 360)
        }
    }

    @Test("what follows an append that fails is written in its place, or refused itself")
    func failing() async throws {
        try await withService(.milliseconds(4)) { service in
            var written: Set<String> = []
            for round in 0..<10 {
                world.log.failAppends(1 + round % 2)
                written.formUnion(await write(60, "round-\(round)", service))
                #expect(await isWhole(service, written))
            }
            #expect((1..<600).contains(written.count))
        }
    }

    @Test("when a service is stopped, every request is answered")
    func stopped() async throws {
        let service = TextService(world.primary)
        let calls = Task {
            await withTaskGroup(of: Void.self) { group in
                for caller in 0..<50 {
                    group.addTask {
                        _ = await failure { try await service.put("\(caller)", "x") }
                    }
                }
            }
        }
        try await withRunning(service.run) {
            #expect(await service.isOpen())
            world.primary.coordinator.delayAppends(.milliseconds(50))
            try await Task.sleep(for: .milliseconds(80))
        }
        await calls.value
    }
}
