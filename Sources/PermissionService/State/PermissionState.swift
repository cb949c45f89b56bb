import Contracts
import ReplicatedState
import SwiftProtobuf

/// Accounts, permission sets, assignments and applications of the instance, in memory.
final class PermissionState: DomainState {
    private(set) var accounts = SortedTable<String, PermissionAccount>()
    /// By ARN.
    private(set) var permissionSets = SortedTable<String, PermissionPermissionSet>()
    private var permissionSetsByName: [String: String] = [:]
    private(set) var assignments = SortedTable<AssignmentKey, PermissionAccountAssignment>()
    private var assignmentsByPrincipal: [Principal: Set<AssignmentKey>] = [:]
    private var assignmentsByRole: [RoleKey: Set<AssignmentKey>] = [:]
    /// By ARN.
    private(set) var applications = SortedTable<String, PermissionApplication>()
    private var applicationPrincipals: [String: Set<Principal>] = [:]
    private var applicationsByPrincipal: [Principal: Set<String>] = [:]
    private var openApplications: Set<String> = []
    /// How applications were made, by ARN, and their ARNs by Region and client token.
    private var creations: [String: PermissionApplicationCreation] = [:]
    private var applicationsByToken: [String: String] = [:]
    /// Last version of every key ever seen, also of those that are gone.
    private var versions: [String: UInt64] = [:]
    /// ARNs of applications by record key, for tombstones.
    private var applicationARNs: [String: String] = [:]
    private(set) var permissionSetARNs: [String: String] = [:]
    private(set) var assignmentKeys: [String: AssignmentKey] = [:]
    /// Entries that could not be read. Not zero means a newer writer or a fault.
    private(set) var unreadable = 0
    /// Whose access may have changed.
    private(set) var changes = RecentChanges<Principal>(capacity: 256)
    /// What was answered. Here, so that it goes with the state when the Region's key is refused.
    var answers = AccessAnswers()

    init() {}

    /// Version of a key's next record.
    func nextVersion(_ key: String) -> UInt64 { (versions[key] ?? 0) + 1 }

    func permissionSet(named name: String) -> PermissionPermissionSet? {
        permissionSetsByName[name].flatMap { permissionSets[$0] }
    }

    func assignments(of principal: Principal) -> Set<AssignmentKey> {
        assignmentsByPrincipal[principal] ?? []
    }

    func assignments(of role: RoleKey) -> Set<AssignmentKey> { assignmentsByRole[role] ?? [] }

    func applications(of principal: Principal) -> Set<String> {
        applicationsByPrincipal[principal] ?? []
    }

    /// Applications that everybody sees.
    var unassignedApplications: Set<String> { openApplications }

    func principals(ofApplication arn: String) -> [Principal] {
        (applicationPrincipals[arn] ?? []).sorted()
    }

    func isAssigned(_ arn: String, _ principal: Principal) -> Bool {
        applicationPrincipals[arn]?.contains(principal) == true
    }

    func groupCount(ofApplication arn: String) -> Int {
        applicationPrincipals[arn]?.count { $0.isGroup } ?? 0
    }

    /// Nil when it was made without a client token.
    func creation(ofApplication arn: String) -> PermissionApplicationCreation? { creations[arn] }

    func application(madeWith token: String, in region: String) -> String? {
        applicationsByToken["\(region)/\(token)"]
    }

    func apply(_ change: DomainChange) {
        versions[change.key] = change.version
        let kind = change.key.prefix { $0 != "/" }
        do {
            switch kind {
            case "account":
                changes.noteAll()
                try applyAccount(change)
            case "permission-set":
                changes.noteAll()
                try applyPermissionSet(change)
            case "assignment": try applyAssignment(change)
            case "application":
                changes.noteAll()
                try applyApplication(change)
            case "application-assignment": try applyApplicationAssignment(change)
            default: unreadable += 1
            }
        } catch {
            unreadable += 1
        }
    }

    private func applyAccount(_ change: DomainChange) throws {
        guard let value = change.value else {
            accounts.remove(ARN.resourceID(change.key))
            return
        }
        let account = try PermissionAccountRecord(serializedBytes: value).account
        accounts.set(account.accountID, account)
    }

    private func applyPermissionSet(_ change: DomainChange) throws {
        guard let value = change.value else {
            if let arn = permissionSetARNs.removeValue(forKey: change.key),
                let old = permissionSets.remove(arn)
            {
                permissionSetsByName[old.name] = nil
            }
            return
        }
        let set = try PermissionPermissionSetRecord(serializedBytes: value).permissionSet
        permissionSetARNs[change.key] = set.permissionSetArn
        permissionSets.set(set.permissionSetArn, set)
        permissionSetsByName[set.name] = set.permissionSetArn
    }

    private func applyAssignment(_ change: DomainChange) throws {
        guard let value = change.value else {
            if let key = assignmentKeys.removeValue(forKey: change.key) {
                changes.note(key.principal)
                assignments.remove(key)
                assignmentsByPrincipal.drop(key, at: key.principal)
                assignmentsByRole.drop(key, at: key.role)
            }
            return
        }
        let assignment = try PermissionAssignmentRecord(serializedBytes: value).assignment
        guard let principal = Principal(assignment.principalType, assignment.principalID) else {
            unreadable += 1
            return
        }
        let key = AssignmentKey(
            accountID: assignment.accountID, permissionSetARN: assignment.permissionSetArn,
            principal: principal)
        changes.note(principal)
        assignmentKeys[change.key] = key
        assignments.set(key, assignment)
        assignmentsByPrincipal[principal, default: []].insert(key)
        assignmentsByRole[key.role, default: []].insert(key)
    }

    private func applyApplication(_ change: DomainChange) throws {
        guard let value = change.value else {
            if let arn = applicationARNs.removeValue(forKey: change.key) {
                remember(nil, of: applications.remove(arn))
                openApplications.remove(arn)
            }
            return
        }
        let record = try PermissionApplicationRecord(serializedBytes: value)
        let application = record.application
        let arn = application.applicationArn
        // Only the Region that an application belongs to may say anything of it.
        guard change.stream == "region/\(application.region)" else {
            unreadable += 1
            return
        }
        applicationARNs[change.key] = arn
        applications.set(arn, application)
        remember(record.hasCreation ? record.creation : nil, of: application)
        if application.assignmentNotRequired {
            openApplications.insert(arn)
        } else {
            openApplications.remove(arn)
        }
    }

    /// - Parameter creation: Nil to forget.
    private func remember(
        _ creation: PermissionApplicationCreation?, of application: PermissionApplication?
    ) {
        guard let application else { return }
        let arn = application.applicationArn
        if let old = creations.removeValue(forKey: arn) {
            applicationsByToken["\(application.region)/\(old.clientToken)"] = nil
        }
        guard let creation else { return }
        creations[arn] = creation
        applicationsByToken["\(application.region)/\(creation.clientToken)"] = arn
    }

    private func applyApplicationAssignment(_ change: DomainChange) throws {
        let parts = change.key.split(separator: "/").map(String.init)
        guard parts.count == 4 else {
            unreadable += 1
            return
        }
        let principal = Principal(isGroup: parts[2] == "g", id: parts[3])
        changes.note(principal)
        guard let value = change.value else {
            for (arn, principals) in applicationPrincipals
            where ARN.resourceID(arn) == parts[1] && principals.contains(principal) {
                applicationPrincipals.drop(principal, at: arn)
                applicationsByPrincipal.drop(arn, at: principal)
            }
            return
        }
        let arn = try PermissionApplicationAssignmentRecord(serializedBytes: value)
            .assignment.applicationArn
        // In a compacted log the application may come behind its assignments; then it is not known.
        if let application = applications[arn], change.stream != "region/\(application.region)" {
            unreadable += 1
            return
        }
        applicationPrincipals[arn, default: []].insert(principal)
        applicationsByPrincipal[principal, default: []].insert(arn)
    }
}

extension Dictionary {
    /// Takes an element out of the set at a key, and the set itself once it is empty.
    fileprivate mutating func drop<Element: Hashable>(_ element: Element, at key: Key)
    where Value == Set<Element> {
        self[key]?.remove(element)
        if self[key]?.isEmpty == true { self[key] = nil }
    }
}
