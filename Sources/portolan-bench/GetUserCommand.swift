import ArgumentParser
import Contracts
import RPC
import SwiftProtobuf

/// GetUser over the native wire.
struct GetUserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get-user", abstract: "GetUser of random people, native wire.")

    @OptionGroup var target: Target
    @Option var connections = 4
    @Option var inFlight = 32
    @Option var seconds = 10
    @Option var threads = 2
    @Option(help: "How many different people are asked for.") var people = 1_000

    func run() async throws {
        let bodies = try await callBodies()
        try await RawRun.measure(
            address: target.address(of: "directory"),
            tls: target.tlsContext(alpn: "portolan-rpc/1"),
            wire: .native(bodies: bodies), connections: connections, inFlight: inFlight,
            seconds: seconds, threads: threads
        ).report()
    }

    /// Encoded bodies of `call`: method, request, end of requests.
    private func callBodies() async throws -> [[UInt8]] {
        let client = DirectoryClient(try target.client("directory", connections: 1))
        var request = DirectoryListUsersRequest()
        request.pageSize = UInt32(min(people, 1_000))
        let users = try await client.listUsers(request).users
        guard !users.isEmpty else { throw ValidationError("There are no users; run fill first.") }
        await client.channel.close()
        let method = Array(DirectoryMethods.getUser.fullName.utf8)
        return try users.map { user in
            var get = DirectoryGetUserRequest()
            get.userID = user.userID
            let payload: [UInt8] = try get.serializedBytes()
            return [0x0a, UInt8(method.count)] + method + [0x1a, UInt8(payload.count)] + payload
                + [0x20, 0x01]
        }
    }
}
