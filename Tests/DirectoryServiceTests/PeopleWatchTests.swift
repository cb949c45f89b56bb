import Contracts
import DirectoryService
import RPC
import ReplicatedStateTesting
import Testing

@Suite("Telling about whom something has changed", .timeLimit(.minutes(2)))
struct PeopleWatchTests {
    let world = World()

    @Test("while the key is disabled it ends with that error")
    func disabledKey() async throws {
        let directory = Directory(world.primary, hold: .milliseconds(400))
        try await withRunning(directory.module.run) {
            #expect(await directory.isReady())
            _ = try await directory.create("anna")
            let news = try await directory.client.watchPeople(.init())
            world.primary.keys.fail(FakeKeys.disabled)
            let error = await failure { for try await _ in news {} }
            #expect(error?.reason == "DisabledException")
            world.primary.keys.fail(nil)
            #expect(await directory.isReady())
            var anew = try await directory.client.watchPeople(.init()).makeAsyncIterator()
            #expect(try await anew.next()?.everybody == true)
        }
    }

    @Test("it ends when the service begins to stop")
    func stopping() async throws {
        try await world.withDirectory { directory in
            let news = try await directory.client.watchPeople(.init())
            directory.module.stopping()
            let error = await failure { for try await _ in news {} }
            #expect(error?.reason == "SERVER_STOPPING")
        }
    }

    @Test("it tells where it stands: behind what it has named")
    func position() async throws {
        try await world.withDirectory { directory in
            var news = try await directory.client.watchPeople(.init()).makeAsyncIterator()
            _ = try await news.next()
            let created = try await directory.create("anna")
            var answer = try await news.next()
            while let said = answer, !said.userIds.contains(created.user.userID) {
                answer = try await news.next()
            }
            let told = try #require(answer?.position)
            #expect(told.stream == "control")
            #expect(told.sequence >= created.position.sequence)
        }
    }

    @Test("it speaks when nothing changes, first of everybody and then of nobody")
    func silence() async throws {
        try await world.withDirectory { directory in
            var news = try await directory.client.watchPeople(.init()).makeAsyncIterator()
            #expect(try await news.next()?.everybody == true)
            for _ in 0..<3 {
                let next = try await news.next()
                #expect(next?.everybody == false)
                #expect(next?.userIds == [])
            }
        }
    }

    @Test("it names who is created, changed, deleted, joins or leaves, also by the end of a group")
    func changes() async throws {
        try await world.withDirectory { directory in
            let stays = try await directory.create("stays").user
            let news = News(try await directory.client.watchPeople(.init()).makeAsyncIterator())
            let anna = try await directory.create("anna").user
            #expect(try await news.names(anna.userID))
            var update = DirectoryUpdateUserRequest()
            update.user = anna
            update.user.enabled = false
            _ = try await directory.client.updateUser(update)
            #expect(try await news.names(anna.userID))
            let group = try await directory.createGroup("team", [anna.userID]).group.groupID
            #expect(try await news.names(anna.userID))
            _ = try await directory.change(group, remove: [anna.userID])
            #expect(try await news.names(anna.userID))
            _ = try await directory.change(group, add: [anna.userID])
            #expect(try await news.names(anna.userID))
            var end = DirectoryDeleteGroupRequest()
            end.groupID = group
            _ = try await directory.client.deleteGroup(end)
            #expect(try await news.names(anna.userID))
            var deletion = DirectoryDeleteUserRequest()
            deletion.userID = anna.userID
            _ = try await directory.client.deleteUser(deletion)
            #expect(try await news.names(anna.userID))
            #expect(news.named.contains(stays.userID) == false)
        }
    }
}

/// What a stream of changes has said.
private final class News {
    private var answers: MessageStream<DirectoryWatchPeopleResponse>.AsyncIterator
    private(set) var named: Set<String> = []

    init(_ answers: MessageStream<DirectoryWatchPeopleResponse>.AsyncIterator) {
        self.answers = answers
    }

    /// Whether somebody is named until nothing more is said.
    func names(_ id: String) async throws -> Bool {
        var isNamed = false
        for _ in 0..<200 {
            guard let answer = try await answers.next() else { return false }
            named.formUnion(answer.userIds)
            isNamed = isNamed || answer.userIds.contains(id)
            if isNamed, answer.userIds.isEmpty { return true }
        }
        return false
    }
}
