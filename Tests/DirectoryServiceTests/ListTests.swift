import Contracts
import RPC
import ReplicatedStateTesting
import Testing

@Suite("Lists", .timeLimit(.minutes(2)))
struct ListTests {
    let world = World()

    @Test("page sizes, offsets and tokens out of range are refused")
    func invalid() async throws {
        try await world.withDirectory { directory in
            var size = DirectoryListUsersRequest()
            size.pageSize = 1_001
            var token = DirectoryListUsersRequest()
            token.pageToken = "nonsense"
            var offset = DirectoryListUsersRequest()
            offset.offset = 10_000_001
            for request in [size, token, offset] {
                let error = await failure { try await directory.client.listUsers(request) }
                #expect(error?.code == .invalidArgument)
            }
        }
    }

    @Test("users come in order of ID, by token or by offset, with their number")
    func order() async throws {
        try await world.withDirectory { directory in
            var ids: [String] = []
            for index in 0..<30 { ids.append(try await directory.create("u\(index)").user.userID) }
            ids.sort()
            var request = DirectoryListUsersRequest()
            request.pageSize = 7
            var seen: [String] = []
            repeat {
                let page = try await directory.client.listUsers(request)
                #expect(page.total == 30)
                seen += page.users.map(\.userID)
                request.pageToken = page.nextPageToken
            } while !request.pageToken.isEmpty
            #expect(seen == ids)
            request.offset = 25
            let last = try await directory.client.listUsers(request)
            #expect(last.users.map(\.userID) == Array(ids[25...]))
            #expect(last.nextPageToken.isEmpty)
        }
    }

    @Test("a search looks at names and addresses without regard to case")
    func search() async throws {
        try await world.withDirectory { directory in
            _ = try await directory.create("anna", email: "a.lind@example.com")
            _ = try await directory.create("Håkan")
            for index in 0..<20 { _ = try await directory.create("other-\(index)") }
            var request = DirectoryListUsersRequest()
            request.search = "LIND@ex"
            var page = try await directory.client.listUsers(request)
            #expect(page.users.map(\.userName) == ["anna"])
            request.search = "HÅK"
            page = try await directory.client.listUsers(request)
            #expect(page.users.map(\.userName) == ["Håkan"])
            request.search = "other"
            request.pageSize = 6
            var seen: [String] = []
            repeat {
                page = try await directory.client.listUsers(request)
                #expect(page.total == 20)
                seen += page.users.map(\.userName)
                request.pageToken = page.nextPageToken
            } while !request.pageToken.isEmpty
            #expect(seen.count == 20)
            #expect(Set(seen).count == 20)
        }
    }
}
