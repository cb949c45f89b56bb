import ArgumentParser
import Contracts
import RPC
import SwiftProtobuf

/// GetUser over the native wire.
struct GetUserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get-user", abstract: "GetUser of random people, native wire.")

    @OptionGroup var target: Target
    @OptionGroup var load: LoadOptions
    @Option(help: "How many different people are asked for.") var people = 100_000
    @Flag(help: "Write one request (its payload, in hexadecimal) and stop.") var show = false

    func run() async throws {
        let ids = try await People.ids(of: target, count: people)
        guard !ids.isEmpty else { throw ValidationError("There are no users; run fill first.") }
        var request = DirectoryGetUserRequest()
        if show {
            request.userID = ids[0]
            let payload: [UInt8] = try request.serializedBytes()
            return print(payload.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
        }
        // Pages come in order of ID; requests come in none.
        let bodies = try ids.shuffled().map { id in
            request.userID = id
            return try NativeCall.body(DirectoryMethods.getUser, request)
        }
        try await load.measure(target, "directory", bodies)
    }
}

/// Who is in the directory.
enum People {
    /// User IDs, spread over all of them.
    static func ids(of target: Target, count: Int) async throws -> [String] {
        let client = DirectoryClient(try target.client("directory", connections: 1))
        var request = DirectoryListUsersRequest()
        request.pageSize = 1_000
        var ids: [String] = []
        repeat {
            let page = try await client.listUsers(request)
            ids += page.users.map(\.userID)
            let pages = max(UInt64(count) / 1_000, 1)
            // Every so many pages one, so that the people asked for lie all over memory.
            let step = max(page.total / 1_000 / pages, 1)
            if step > 1 {
                request.offset += step * 1_000
                if request.offset >= page.total { break }
            } else {
                request.pageToken = page.nextPageToken
                if page.nextPageToken.isEmpty { break }
            }
        } while ids.count < count
        await client.channel.close()
        return Array(ids.prefix(count))
    }
}
