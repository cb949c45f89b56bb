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
