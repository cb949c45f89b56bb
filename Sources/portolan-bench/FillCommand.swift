import ArgumentParser
import Contracts
import Foundation
import RPC

/// Creates people, and groups of them, through the directory service; measures it on the way.
struct FillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fill", abstract: "Create people and groups through the directory service.")

    @OptionGroup var target: Target
    @Option var users = 1_000_000
    @Option(help: "Groups of 1,000 people each, instead of people.") var groups = 0
    @Option(help: "Put only this person into the groups: its user ID.") var onlyUser: String?
    @Option var connections = 4
    @Option(help: "Calls under way on each connection.") var inFlight = 16
    @Option(help: "Number of the first person or group.") var first = 0
    @Option(help: "Stop after so many seconds, warm-up not counted; 0: when all is there.")
    var seconds = 0

    func run() async throws {
        groups > 0 ? try await fillGroups() : try await fillUsers()
    }

    private func fillUsers() async throws {
        let (connections, first) = (connections, first)
        try await run(count: users) { connection, number in
            // Encoding fails only for required fields, which proto3 does not have.
            (try? NativeCall.body(
                DirectoryMethods.createUser,
                Self.request(first + (number - 1) * connections + connection))) ?? []
        }
    }

    /// Group n has the 1,000 people from n x 1,000 on, round and round.
    private func fillGroups() async throws {
        let ids =
            if let onlyUser { [onlyUser] } else {
                try await People.ids(of: target, count: users)
            }
        let (connections, first) = (connections, first)
        try await run(count: groups) { connection, number in
            let group = first + (number - 1) * connections + connection
            var request = DirectoryCreateGroupRequest()
            request.group.displayName = "Group \(group)"
            request.memberUserIds = (0..<min(1_000, ids.count)).map {
                ids[(group * 1_000 + $0) % ids.count]
            }
            return (try? NativeCall.body(DirectoryMethods.createGroup, request)) ?? []
        }
    }

    private func run(
        count: Int, body: @escaping @Sendable (Int, Int) -> [UInt8]
    ) async throws {
        var plan = RawPlan()
        plan.connections = connections
        plan.inFlight = inFlight
        let connections = connections
        let limited = seconds == 0
        try await RawRun.measure(
            address: target.address(of: "directory"),
            tls: target.tlsContext(alpn: "portolan-rpc/1"), plan: plan,
            seconds: limited ? nil : seconds
        ) { connection in
            NativeRequests(
                body: { body(connection, $0) },
                limit: limited ? (count + connections - 1 - connection) / connections : nil)
        }.report()
    }

    static func request(_ number: Int) -> DirectoryCreateUserRequest {
        var request = DirectoryCreateUserRequest()
        request.user.userName = "person\(number)@bench.example"
        request.user.displayName = "Person \(number)"
        request.user.name.givenName = "Person"
        request.user.name.familyName = "Number \(number)"
        request.user.externalID = "bench-\(number)"
        request.user.title = "Navigator"
        request.user.enabled = true
        var email = DirectoryEmail()
        email.value = "person\(number)@bench.example"
        email.type = "work"
        email.primary = true
        request.user.emails = [email]
        return request
    }
}
