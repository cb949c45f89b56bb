import Contracts
import Logging
import PermissionService
import RPC
import ReplicatedStateTesting
import ServiceKit
import Testing

/// A permission service in one Region, as a client sees it.
struct Permissions: Sendable {
    let module: PermissionModule
    let client: PermissionsClient

    init(
        _ region: TestRegion, _ directory: FakeDirectory, hold: Duration = .seconds(300)
    ) {
        region.add(.directory, directory.methods)
        module = PermissionModule(
            configuration: region.configuration(hold: hold), channels: region.channels,
            logger: Logger(label: "test"))
        client = PermissionsClient(
            InProcessTransport(
                methods: module.methods, peer: .service(name: "portal", region: region.name)))
    }

    func isReady() async -> Bool { await eventually { await module.readiness == .ready } }

    func putAccount(_ id: String, _ name: String) async throws -> LogPosition {
        var request = PermissionPutAccountRequest()
        request.account.accountID = id
        request.account.name = name
        return try await client.putAccount(request).position
    }

    func createSet(_ name: String) async throws -> PermissionPermissionSet {
        var request = PermissionCreatePermissionSetRequest()
        request.permissionSet.name = name
        return try await client.createPermissionSet(request).permissionSet
    }

    func assign(
        _ set: PermissionPermissionSet, in account: String, to type: PermissionPrincipalType,
        _ id: String
    ) async throws -> PermissionCreateAccountAssignmentResponse {
        var request = PermissionCreateAccountAssignmentRequest()
        request.accountID = account
        request.permissionSetArn = set.permissionSetArn
        request.principalType = type
        request.principalID = id
        return try await client.createAccountAssignment(request)
    }

    func unassign(
        _ set: PermissionPermissionSet, in account: String, from type: PermissionPrincipalType,
        _ id: String
    ) async throws {
        var request = PermissionDeleteAccountAssignmentRequest()
        request.accountID = account
        request.permissionSetArn = set.permissionSetArn
        request.principalType = type
        request.principalID = id
        _ = try await client.deleteAccountAssignment(request)
    }

    func access(
        _ user: String, atLeast: LogPosition? = nil, timeout: Duration = .seconds(30)
    ) async throws -> PermissionGetAccessResponse {
        var request = PermissionGetAccessRequest()
        request.userID = user
        if let atLeast { request.atLeast = atLeast }
        return try await client.getAccess(request, options: CallOptions(timeout: timeout))
    }

    func role(_ user: String, _ account: String, _ set: String) async throws
        -> PermissionCheckRoleResponse
    {
        var request = PermissionCheckRoleRequest()
        request.userID = user
        request.accountID = account
        request.permissionSetName = set
        return try await client.checkRole(request)
    }

    func createApplication(_ name: String, supportsKeys: Bool = true) async throws
        -> PermissionCreateApplicationResponse
    {
        var request = PermissionCreateApplicationRequest()
        request.application.name = name
        request.application.startURL = "https://\(name).example.com/"
        request.application.supportsCustomerManagedKeys = supportsKeys
        return try await client.createApplication(request)
    }

    func assignApplication(_ arn: String, to type: PermissionPrincipalType, _ id: String)
        async throws -> LogPosition
    {
        var request = PermissionCreateApplicationAssignmentRequest()
        request.assignment.applicationArn = arn
        request.assignment.principalType = type
        request.assignment.principalID = id
        return try await client.createApplicationAssignment(request).position
    }
}

/// A primary and an additional Region over one log and one directory.
struct World: Sendable {
    static let anna = "11111111-1111-4111-8111-111111111111"
    static let bert = "22222222-2222-4222-8222-222222222222"
    /// Whose ID can be spelt in capitals, too.
    static let cleo = "cccccccc-aaaa-4aaa-8aaa-cccccccccccc"
    static let admins = "33333333-3333-4333-8333-333333333333"

    let log = FakeLog(primary: "eu-central-1")
    let primary: TestRegion
    let other: TestRegion
    let directory = FakeDirectory()

    init() {
        let material = FakeKeyMaterial()
        primary = TestRegion("eu-central-1", log: log, material: material)
        other = TestRegion("us-east-1", log: log, material: material)
        directory.add(user: Self.anna)
        directory.add(user: Self.bert, enabled: false)
        directory.add(user: Self.cleo)
        directory.add(group: Self.admins, members: [Self.anna, Self.cleo])
    }

    func withPermissions<Result: Sendable>(
        _ body: (Permissions) async throws -> Result
    ) async throws -> Result {
        try await withPermissions(in: primary, body)
    }

    func withPermissions<Result: Sendable>(
        in region: TestRegion, _ body: (Permissions) async throws -> Result
    ) async throws -> Result {
        let permissions = Permissions(region, directory)
        return try await withRunning(permissions.module.run) {
            #expect(await permissions.isReady())
            return try await body(permissions)
        }
    }
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
