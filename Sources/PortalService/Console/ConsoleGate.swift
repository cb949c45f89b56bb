import Contracts
import Hummingbird
import RPC

/// What every console page shares: administrators only, the menu, and the read-only banner outside
/// the primary.
struct ConsoleGate: Sendable {
    let gate: PersonGate
    let pages: Pages
    /// What is amiss and concerns every page; nil when nothing is.
    let alarm: @Sendable () -> String?

    struct Visit: Sendable {
        let person: SignedInPerson
        let request: Request
        let context: PortalContext

        var instance: InstanceSnapshot { person.instance }
        /// Names the person to the service that acts.
        var options: CallOptions { person.options(request, context) }
    }

    /// Answers a GET for an administrator.
    func page(
        _ request: Request, _ context: PortalContext,
        _ body: (Visit) async throws -> Response
    ) async throws -> Response {
        try await gate.page(request) { person in
            try await requireAdministrator(person)
            return try await body(Visit(person: person, request: request, context: context))
        }
    }

    /// Answers an administrator's form.
    func form(
        _ request: Request, _ context: PortalContext,
        _ body: (Visit, Form) async throws -> Response
    ) async throws -> Response {
        try await gate.form(request) { person, form in
            try await requireAdministrator(person)
            return try await body(
                Visit(person: person, request: request, context: context), form)
        }
    }

    /// Throws outside the primary, where settings cannot be changed. The coordinator refuses such a
    /// write as well; this only says so before anything is tried.
    func requirePrimary(_ visit: Visit) throws {
        guard !visit.instance.isPrimary else { return }
        let primary = visit.instance.instance.primaryRegion
        throw PortalFailure.primaryOnly(
            primary: primary, portalURL: visit.instance.portalURL(of: primary))
    }

    func render(
        _ template: String, _ title: String, section: Section, _ visit: Visit,
        content: any Sendable, refreshSeconds: Int? = nil
    ) throws -> Response {
        var frame = gate.frame(title, visit.person, isAdministrator: true)
        frame.refreshSeconds = refreshSeconds
        frame.console = PageFrame.ConsoleFrame(
            sections: Section.allCases.map {
                .init(label: $0.label, path: $0.path, isCurrent: $0 == section)
            }, readOnly: readOnly(visit.instance), alarm: alarm())
        return try pages.page("console/\(template)", frame, content: content)
    }

    enum Section: CaseIterable {
        case settings, signInURLs, provisioning, users, groups, applications, sessions, breakGlass,
            trail

        var label: String {
            switch self {
            case .settings: "Settings"
            case .signInURLs: "ACS URLs"
            case .provisioning: "Provisioning"
            case .users: "Users"
            case .groups: "Groups"
            case .applications: "Applications"
            case .sessions: "Sessions"
            case .breakGlass: "Emergency access"
            case .trail: "Trail"
            }
        }

        var path: String {
            switch self {
            case .settings: "/console/settings"
            case .signInURLs: "/console/sign-in-urls"
            case .provisioning: "/console/provisioning"
            case .users: "/console/users"
            case .groups: "/console/groups"
            case .applications: "/console/applications"
            case .sessions: "/console/sessions"
            case .breakGlass: "/console/break-glass"
            case .trail: "/console/trail"
            }
        }
    }

    private func requireAdministrator(_ person: SignedInPerson) async throws {
        guard try await gate.authenticator.isAdministrator(person) else {
            throw PortalFailure.notAdministrator
        }
    }

    private func readOnly(_ instance: InstanceSnapshot) -> PageFrame.ConsoleFrame.ReadOnly? {
        guard !instance.isPrimary else { return nil }
        let primary = instance.instance.primaryRegion
        let url = instance.portalURL(of: primary)
        return .init(
            region: instance.region, primary: primary,
            primaryConsoleURL: url.isEmpty ? nil : url + "/console/settings")
    }
}
