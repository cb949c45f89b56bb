import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import RPC
import ServiceKit

/// `/` and `/start`: accounts with roles, and applications.
struct AccessPortalRoutes: Sendable {
    let gate: PersonGate
    let access: PersonAccess
    let trail: any TrailRecorder
    let pages: Pages
    let now: @Sendable () -> Date

    func add(to router: Router<PortalContext>) {
        for path in ["", "start"] {
            router.get(RouterPath(path)) { request, context in
                try await gate.page(request) { try await start($0, request, context) }
            }
        }
    }

    private func start(
        _ person: SignedInPerson, _ request: Request, _ context: PortalContext
    ) async throws -> Response {
        let search = String(try request.queryForm()["search"].prefix(100))
        let isAdministrator = try await gate.authenticator.isAdministrator(person)
        let access = try await access.of(person, options: person.options(request, context))
        let actor = person.actor(request, context)
        try await trail.record(
            ["ListAccounts", "ListApplications"].map {
                TrailEvent(
                    name: $0, source: "sso.amazonaws.com", actor: actor, readOnly: true,
                    type: "AwsServiceEvent")
            })
        var frame = gate.frame("Access portal", person, isAdministrator: isAdministrator)
        frame.isPortal = true
        let content = StartContent(person: person, access: access, search: search, now: now())
        return try pages.page("start", frame, content: content)
    }
}

/// What the access portal's template shows.
struct StartContent: Sendable {
    let greeting, region, sessionEnds, search: String
    let isSearching: Bool
    let accountCount, applicationCount: String
    let accounts: [Account]
    let hasApplications: Bool
    let applications: [Application]
    let hasOtherRegions: Bool
    let otherRegions: [Region]

    struct Account: Sendable {
        let name, accountName, accountID, initial, roleCount: String
        let email: String?
        let isOpen: Bool
        let roles: [Role]
    }

    struct Role: Sendable {
        let name: String
        let description: String?
    }

    struct Application: Sendable {
        let name, url, region, initial: String
        let description: String?
    }

    struct Region: Sendable {
        let name, url: String
        let isPrimary: Bool
    }

    init(person: SignedInPerson, access: PermissionGetAccessResponse, search: String, now: Date) {
        let given = person.user.name.givenName
        greeting = "Hello, \(given.isEmpty ? person.displayName : given)"
        region = person.instance.region
        let left = person.claims.exp - Int64(now.timeIntervalSince1970)
        sessionEnds = "in " + Display.duration(milliseconds: left * 1_000)
        self.search = search
        isSearching = !search.isEmpty
        let needle = search.lowercased()
        let found = access.accounts.compactMap { Self.account($0, needle) }
        accounts = found
        accountCount = String(found.count)
        applications = access.applications.filter {
            needle.isEmpty || $0.name.lowercased().contains(needle)
                || $0.description_p.lowercased().contains(needle)
        }.compactMap(Self.application)
        hasApplications = !applications.isEmpty
        applicationCount = String(applications.count)
        let here = region
        otherRegions = person.instance.servingRegions.filter { $0.name != here }.map {
            Region(name: $0.name, url: $0.portalURL, isPrimary: $0.primary)
        }
        hasOtherRegions = !otherRegions.isEmpty
    }

    private static func account(
        _ access: PermissionGetAccessResponse.AccountAccess, _ needle: String
    ) -> Account? {
        let account = access.account
        let isMatch =
            needle.isEmpty || account.name.lowercased().contains(needle)
            || account.accountID.contains(needle) || account.email.lowercased().contains(needle)
        let roles = access.roles.filter {
            isMatch || $0.permissionSetName.lowercased().contains(needle)
        }.map {
            Role(
                name: $0.permissionSetName,
                description: $0.description_p.isEmpty ? nil : $0.description_p)
        }
        guard !roles.isEmpty else { return nil }
        return Account(
            name: account.name, accountName: account.name, accountID: account.accountID,
            initial: initial(account.name),
            roleCount: roles.count == 1 ? "1 role" : "\(roles.count) roles",
            email: account.email.isEmpty ? nil : account.email, isOpen: !needle.isEmpty,
            roles: roles)
    }

    /// Only http and https links are offered, and none of hidden applications.
    private static func application(_ application: PermissionApplication) -> Application? {
        guard !application.hidden, CrossSiteGuard.origin(of: application.startURL) != nil
        else { return nil }
        return Application(
            name: application.name, url: application.startURL, region: application.region,
            initial: initial(application.name),
            description: application.description_p.isEmpty ? nil : application.description_p)
    }

    private static func initial(_ name: String) -> String { String(name.prefix(1)).uppercased() }
}
