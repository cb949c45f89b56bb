import Contracts
import PermissionService
import RPC
import ReplicatedStateTesting
import Testing

@Suite("Who reaches applications", .timeLimit(.minutes(2)))
struct ApplicationAssignmentTests {
    static let stranger = "00000000-0000-4000-8000-000000000000"
    let world = World()

    @Test("nobody reaches a new application; in no Region")
    func nobody() async throws {
        try await world.withPermissions { primary in
            try await world.withPermissions(in: world.other) { other in
                let made = try await primary.createApplication("wiki")
                for region in [primary, other] {
                    let seen = try await region.access(World.anna, atLeast: made.position)
                    #expect(seen.applications.isEmpty)
                }
            }
        }
    }

    @Test("without a need of assignments every enabled person reaches it, in every Region")
    func everybody() async throws {
        try await world.withPermissions { primary in
            try await world.withPermissions(in: world.other) { other in
                let arn = try await other.createApplication("wiki").application.applicationArn
                var position = try await other.requireAssignment(false, arn)
                for region in [primary, other] {
                    for person in [World.anna, World.cleo] {
                        let seen = try await region.access(person, atLeast: position)
                        #expect(seen.applications.map(\.applicationArn) == [arn])
                        // Also where the answer is kept, and not asked for by position.
                        #expect(try await region.access(person).applications.count == 1)
                    }
                    let disabled = await failure { try await region.access(World.bert) }
                    #expect(disabled?.reason == "USER_DISABLED")
                    let unknown = await failure { try await region.access(Self.stranger) }
                    #expect(unknown?.reason == "USER_NOT_FOUND")
                }
                position = try await other.requireAssignment(true, arn)
                for region in [primary, other] {
                    let seen = try await region.access(World.anna, atLeast: position)
                    #expect(seen.applications.isEmpty)
                    #expect(try await region.access(World.anna).applications.isEmpty)
                }
            }
        }
    }

    @Test("it is set in the application's Region only, and by nothing else; the trail says how")
    func setting() async throws {
        try await world.withPermissions { primary in
            try await world.withPermissions(in: world.other) { other in
                let made = try await other.createApplication("wiki")
                let arn = made.application.applicationArn
                _ = try await primary.access(World.anna, atLeast: made.position)
                let wrong = await failure { try await primary.requireAssignment(false, arn) }
                #expect(wrong?.reason == "WRONG_REGION")
                let missing = await failure { try await other.requireAssignment(false, arn + "0") }
                #expect(missing?.reason == "APPLICATION_NOT_FOUND")
                var update = PermissionUpdateApplicationRequest()
                update.application = made.application
                update.application.assignmentNotRequired = true
                let updated = try await other.client.updateApplication(update).application
                #expect(!updated.assignmentNotRequired)
                try await other.requireAssignment(false, arn)
                let events = world.log.events.filter {
                    $0.eventName == "PutApplicationAssignmentConfiguration" && $0.errorCode.isEmpty
                }
                #expect(events.count == 1)
                let parameters = events.first?.requestParametersJson
                #expect(parameters?.contains(#""assignmentRequired":false"#) == true)
            }
        }
    }

    @Test("an assignment that is there already is refused, and one that is gone")
    func twice() async throws {
        try await world.withPermissions { permissions in
            let arn = try await permissions.createApplication("wiki").application.applicationArn
            _ = try await permissions.assignApplication(arn, to: .group, World.admins)
            let error = await failure {
                try await permissions.assignApplication(arn, to: .group, World.admins)
            }
            #expect(error?.code == .alreadyExists)
            #expect(error?.reason == "ASSIGNMENT_EXISTS")
            let unknown = await failure {
                try await permissions.assignApplication(arn, to: .user, Self.stranger)
            }
            #expect(unknown?.reason == "PRINCIPAL_NOT_FOUND")
            var deletion = PermissionDeleteApplicationAssignmentRequest()
            deletion.assignment.applicationArn = arn
            deletion.assignment.principalType = .group
            deletion.assignment.principalID = World.admins
            _ = try await permissions.client.deleteApplicationAssignment(deletion)
            let gone = await failure {
                try await permissions.client.deleteApplicationAssignment(deletion)
            }
            #expect(gone?.reason == "ASSIGNMENT_NOT_FOUND")
        }
    }

    @Test("assignments are listed by application, by principal, and with a user's groups, in pages")
    func lists() async throws {
        try await world.withPermissions { permissions in
            var arns: [String] = []
            for name in ["wiki", "mail", "maps"] {
                arns.append(
                    try await permissions.createApplication(name).application.applicationArn)
            }
            for arn in arns {
                _ = try await permissions.assignApplication(arn, to: .group, World.admins)
            }
            _ = try await permissions.assignApplication(arns[0], to: .user, World.anna)

            let nothing = await failure { try await permissions.assignments { _ in } }
            #expect(nothing?.reason == "FILTER_MISSING")
            let ofOne = try await permissions.assignments { $0.applicationArn = arns[0] }
            #expect(ofOne.map(\.principalID) == [World.admins, World.anna])
            let own = try await permissions.assignments {
                $0.principalType = .user
                $0.principalID = World.anna
            }
            #expect(own.map(\.applicationArn) == [arns[0]])
            let with = try await permissions.assignments {
                $0.principalType = .user
                $0.principalID = World.anna
                $0.withGroups = true
            }
            #expect(with.count == 4)
            #expect(with.map(\.applicationArn) == with.map(\.applicationArn).sorted())
            #expect(with.count { $0.principalType == .group } == 3)
            let one = try await permissions.assignments {
                $0.principalType = .group
                $0.principalID = World.admins
                $0.applicationArn = arns[1]
            }
            #expect(one.map(\.applicationArn) == [arns[1]])
            let unknown = await failure {
                try await permissions.assignments {
                    $0.principalType = .user
                    $0.principalID = Self.stranger
                    $0.withGroups = true
                }
            }
            #expect(unknown?.reason == "PRINCIPAL_NOT_FOUND")
        }
    }

    @Test("an application is assigned to a thousand groups and to no more, and still to people")
    func quota() async throws {
        let groups = (0...1_000).map { "group-\($0)" }
        groups.forEach { world.directory.add(group: $0) }
        try await world.withPermissions { permissions in
            let arn = try await permissions.createApplication("wiki").application.applicationArn
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for group in groups.dropLast() {
                    tasks.addTask {
                        _ = try await permissions.assignApplication(arn, to: .group, group)
                    }
                }
                try await tasks.waitForAll()
            }
            let error = await failure {
                try await permissions.assignApplication(arn, to: .group, groups[1_000])
            }
            #expect(error?.reason == "QUOTA_EXCEEDED")
            _ = try await permissions.assignApplication(arn, to: .user, World.anna)
        }
    }

    @Test("an application without an address, or hidden, is reached like others")
    func hidden() async throws {
        try await world.withPermissions { permissions in
            var request = PermissionCreateApplicationRequest()
            request.application.name = "ledger"
            request.application.hidden = true
            request.application.supportsCustomerManagedKeys = true
            let made = try await permissions.client.createApplication(request).application
            _ = try await permissions.assignApplication(
                made.applicationArn, to: .user, World.anna)
            #expect(try await permissions.access(World.anna).applications == [made])
        }
    }
}

extension Permissions {
    @discardableResult
    func requireAssignment(_ required: Bool, _ arn: String) async throws -> LogPosition {
        var request = PermissionPutApplicationAssignmentConfigurationRequest()
        request.applicationArn = arn
        request.assignmentRequired = required
        return try await client.putApplicationAssignmentConfiguration(request).position
    }

    /// All pages of a list, two to a page.
    fileprivate func assignments(
        _ filter: (inout PermissionListApplicationAssignmentsRequest) -> Void
    ) async throws -> [PermissionApplicationAssignment] {
        var request = PermissionListApplicationAssignmentsRequest()
        filter(&request)
        request.pageSize = 2
        var found: [PermissionApplicationAssignment] = []
        repeat {
            let page = try await client.listApplicationAssignments(request)
            #expect(page.assignments.count <= 2)
            found += page.assignments
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        return found
    }
}
