import Contracts
import DirectoryService
import Logging
import RPC
import ReplicatedStateTesting
import ServiceKit
import Testing

/// A directory service in one Region, as a client sees it.
struct Directory: Sendable {
    let module: DirectoryModule
    let client: DirectoryClient

    init(_ region: TestRegion, hold: Duration = .seconds(300)) {
        module = DirectoryModule(
            configuration: region.configuration(hold: hold), channels: region.channels,
            logger: Logger(label: "test"))
        client = DirectoryClient(
            InProcessTransport(
                methods: module.methods, peer: .service(name: "portal", region: region.name)))
    }

    func isReady() async -> Bool { await eventually { await module.readiness == .ready } }

    func create(_ name: String, externalID: String = "", email: String = "") async throws
        -> DirectoryCreateUserResponse
    {
        var request = DirectoryCreateUserRequest()
        request.user = .named(name)
        request.user.externalID = externalID
        if !email.isEmpty {
            var value = DirectoryEmail()
            value.value = email
            request.user.emails = [value]
        }
        return try await client.createUser(request, options: .long)
    }

    func get(_ id: String, atLeast: LogPosition? = nil, timeout: Duration = .seconds(20))
        async throws -> DirectoryUser
    {
        var request = DirectoryGetUserRequest()
        request.userID = id
        if let atLeast { request.atLeast = atLeast }
        return try await client.getUser(request, options: CallOptions(timeout: timeout)).user
    }

    func find(_ by: DirectoryFindUserRequest.OneOf_By) async throws -> DirectoryUser {
        var request = DirectoryFindUserRequest()
        request.by = by
        return try await client.findUser(request).user
    }

    func createGroup(_ name: String, _ members: [String] = []) async throws
        -> DirectoryCreateGroupResponse
    {
        var request = DirectoryCreateGroupRequest()
        request.group.displayName = name
        request.memberUserIds = members
        return try await client.createGroup(request, options: .long)
    }

    func change(
        _ group: String, add: [String] = [], remove: [String] = [], replaceAll: Bool = false
    ) async throws -> DirectoryChangeMembersResponse {
        var request = DirectoryChangeMembersRequest()
        request.groupID = group
        request.addUserIds = add
        request.removeUserIds = remove
        request.replaceAll = replaceAll
        return try await client.changeMembers(request, options: .long)
    }

    func members(of group: String) async throws -> [String] {
        var request = DirectoryListMembersRequest()
        request.groupID = group
        return try await client.listMembers(request).members.map(\.userID)
    }

    func groups(of user: String) async throws -> [String] {
        var request = DirectoryListGroupsOfUserRequest()
        request.userID = user
        return try await client.listGroupsOfUser(request).groups.map(\.groupID)
    }
}

extension DirectoryUser {
    static func named(_ name: String) -> DirectoryUser {
        var user = DirectoryUser()
        user.userName = name
        user.displayName = "Person \(name)"
        user.name.givenName = "Person"
        user.name.familyName = name
        user.enabled = true
        return user
    }
}

extension CallOptions {
    static var long: CallOptions { CallOptions(timeout: .seconds(60)) }
}

/// A primary and an additional Region over one log.
struct World: Sendable {
    let log = FakeLog(primary: "eu-central-1")
    let primary: TestRegion
    let other: TestRegion

    init() {
        let material = FakeKeyMaterial()
        primary = TestRegion("eu-central-1", log: log, material: material)
        other = TestRegion("us-east-1", log: log, material: material)
    }

    /// Runs a directory in the primary.
    func withDirectory<Result: Sendable>(
        _ body: (Directory) async throws -> Result
    ) async throws -> Result {
        let directory = Directory(primary)
        return try await withRunning(directory.module.run) {
            #expect(await directory.isReady())
            return try await body(directory)
        }
    }

    func events(_ name: String) -> [TrailEvent] { log.events.filter { $0.eventName == name } }
}

/// The RPC error that an operation ends with.
func failure<Value>(of operation: () async throws -> Value) async -> RPCError? {
    do {
        _ = try await operation()
        return nil
    } catch {
        return error as? RPCError
    }
}
