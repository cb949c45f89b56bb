import ArgumentParser
import Contracts

/// CreateUser until there are so many; measures it on the way.
struct FillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fill", abstract: "Create people through the directory service.")

    @OptionGroup var target: Target
    @Option var users = 1_000_000
    @Option var callers = 64
    @Option(help: "Number of the first person.") var first = 0
    @Option var seconds = 3_600

    func run() async throws {
        let client = DirectoryClient(try target.client("directory", connections: 4))
        let first = first
        try await CallerPool.measure(callers: callers, seconds: seconds, limit: users) { number in
            _ = try await client.createUser(Self.request(first + number))
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
