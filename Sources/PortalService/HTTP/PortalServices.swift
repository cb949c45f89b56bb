import Contracts
import Foundation
import Hummingbird
import Logging
import RPC
import ServiceKit

/// Everything the routes are made of. Tests put their own in.
struct PortalServices: Sendable {
    let configuration: RegionConfiguration
    let instance: InstanceWatch
    let directory: DirectoryClient
    let permissions: PermissionsClient
    let coordinator: CoordinatorInstanceAdministrationClient
    let trailClient: TrailClient
    let cryptography: KeysCryptographyClient
    let keyManagement: KeysKeyManagementClient
    let trail: any TrailRecorder
    let sessions: any RecordLog<SessionState>
    let scimTokens: any RecordLog<ScimTokenState>
    let breakGlass: any RecordLog<BreakGlassState>
    let assertionGate: any AssertionGate
    let now: @Sendable () -> Date
    let logger: Logger
    let limits = LimitCounts()
}

/// The portal's features, wired.
struct PortalFeatures: Sendable {
    let services: PortalServices
    let pages: Pages
    let tokens: TokenAuthority
    let sessionDesk: SessionDesk
    let scimDesk: ScimTokenDesk
    let breakGlass: BreakGlassDesk
    let grants: GrantDesk
    let access: PersonAccess
    let emergency: EmergencySignIn
    let enrolment: EnrolmentPages
    let authenticator: Authenticator
    let guardian: CrossSiteGuard
    let flow: SignInFlow
    let issuer: CredentialIssuer
    let codes = AuthorizationCodes()
    let devices = DeviceRequests()

    init(_ services: PortalServices) throws {
        self.services = services
        pages = try Pages()
        tokens = TokenAuthority(keys: services.cryptography, now: services.now)
        sessionDesk = SessionDesk(log: services.sessions, tokens: tokens, now: services.now)
        scimDesk = ScimTokenDesk(log: services.scimTokens, now: services.now)
        authenticator = Authenticator(
            instance: services.instance, tokens: tokens, sessions: services.sessions,
            directory: services.directory, breakGlass: services.breakGlass)
        let portalURL = services.configuration.portalURL
        breakGlass = BreakGlassDesk(
            log: services.breakGlass, portalURL: portalURL, now: services.now)
        grants = GrantDesk(
            log: services.sessions, sessions: sessionDesk, region: services.configuration.region,
            now: services.now)
        access = PersonAccess(
            permissions: services.permissions, breakGlass: services.breakGlass)
        guardian = CrossSiteGuard(origin: CrossSiteGuard.origin(of: portalURL) ?? "")
        flow = SignInFlow(
            instance: services.instance, gate: services.assertionGate, pending: PendingSignIns(),
            desk: sessionDesk, breakGlass: breakGlass, directory: services.directory,
            trail: services.trail, pages: pages,
            portalURL: portalURL, now: services.now, refusals: .ofRefusals(services.limits))
        let ceremony = KeyCeremony(configuration: services.configuration, guardian: guardian)
        emergency = EmergencySignIn(
            instance: services.instance, breakGlass: services.breakGlass, grants: grants,
            ceremony: ceremony, trail: services.trail, portalURL: portalURL,
            limits: services.limits,
            now: services.now)
        enrolment = EnrolmentPages(
            desk: breakGlass, ceremony: ceremony, instance: services.instance,
            trail: services.trail, pages: pages, limits: services.limits, now: services.now)
        issuer = CredentialIssuer(
            sessions: services.sessions, tokens: tokens, access: access,
            trail: services.trail, region: services.configuration.region, now: services.now)
    }

    /// All routes with what stands before them.
    func router() -> Router<PortalContext> {
        let router = Router(context: PortalContext.self, options: .autoGenerateHeadEndpoints)
        let settings = services.configuration.portal
        if !settings.trustedProxies.isEmpty {
            router.add(middleware: ForwardedAddress(settings: settings))
        }
        router.add(middleware: SecurityHeaders())
        router.add(middleware: ErrorPages(pages: pages, breakGlass: breakGlass))
        addPublic(to: router)
        addPersonal(to: router)
        addConsole(to: router)
        addEmergency(to: router)
        return router
    }

    private func addPublic(to router: Router<PortalContext>) {
        StaticRoutes(pages: pages, services: services).add(to: router)
        signIn.add(to: router)
        PortalAPI(
            authenticator: authenticator, issuer: issuer, access: access,
            signIn: signIn, trail: services.trail
        ).add(to: router)
        OAuthAPI(
            instance: services.instance, clients: oauthClients, codes: codes, devices: devices,
            tokens: OAuthTokens(
                authenticator: authenticator, tokens: tokens, trail: services.trail,
                now: services.now),
            portalURL: services.configuration.portalURL,
            takesDevices: services.configuration.portal.deviceAuthorization,
            limits: services.limits, now: services.now
        ).add(to: router)
        aws.add(to: router)
        SCIMRoutes(
            instance: services.instance, tokens: scimDesk, trail: services.trail,
            users: SCIMUsers(directory: services.directory),
            groups: SCIMGroups(directory: services.directory),
            portalURL: services.configuration.portalURL, now: services.now,
            refusals: .ofRefusals(services.limits)
        ).add(to: router)
    }

    private func addPersonal(to router: Router<PortalContext>) {
        AccessPortalRoutes(
            gate: personGate, access: access, trail: services.trail,
            pages: pages, now: services.now
        ).add(to: router)
        CredentialPages(
            gate: personGate, issuer: issuer, pages: pages,
            portalURL: services.configuration.portalURL
        ).add(to: router)
        AuthorizePages(
            gate: personGate, clients: oauthClients, codes: codes, instance: services.instance,
            pages: pages, trail: services.trail, limits: services.limits, now: services.now
        ).add(to: router)
        if services.configuration.portal.deviceAuthorization {
            DevicePages(
                gate: personGate, devices: devices, pages: pages, trail: services.trail,
                limits: services.limits, now: services.now
            ).add(to: router)
        }
    }

    private func addConsole(to router: Router<PortalContext>) {
        let gate = ConsoleGate(gate: personGate, pages: pages) { [grants] in grants.alarm }
        SettingsPages(
            gate: gate, coordinator: services.coordinator, keys: services.keyManagement
        ).add(to: router)
        RegionPages(gate: gate, coordinator: services.coordinator).add(to: router)
        SessionPages(gate: gate, desk: sessionDesk).add(to: router)
        PeoplePages(gate: gate, directory: services.directory).add(to: router)
        ApplicationPages(
            gate: gate, permissions: services.permissions, directory: services.directory
        ).add(to: router)
        TrailPages(gate: gate, trail: services.trailClient).add(to: router)
        ProvisioningPages(gate: gate, desk: scimDesk).add(to: router)
        BreakGlassPages(gate: gate, desk: breakGlass, grants: grants).add(to: router)
    }

    /// The way in without the identity provider.
    private func addEmergency(to router: Router<PortalContext>) {
        EmergencyPages(
            signIn: emergency, desk: breakGlass, instance: services.instance, pages: pages
        ).add(to: router)
        enrolment.add(to: router)
    }

    /// The APIs that take signed requests.
    private var aws: AWSFront {
        let admission = RequestAdmission(
            instance: services.instance, issuer: issuer, sessions: services.sessions,
            access: access, configuration: services.configuration,
            now: services.now)
        let authorizer = IdentityAuthorizer(
            accountID: services.configuration.accountID, region: services.configuration.region,
            now: services.now)
        let keys = KeysGateway(
            management: services.keyManagement, cryptography: services.cryptography)
        return AWSFront(
            json: JSONFront(
                admission: admission, trail: services.trail,
                recordsUse: services.configuration.recordsKeyUse, limits: services.limits,
                services: [
                    KMSAPI(keys: keys).service,
                    IdentityStoreAPI(
                        directory: services.directory, instance: services.instance,
                        authorizer: authorizer
                    ).service,
                    CloudTrailAPI(trail: services.trailClient, authorizer: authorizer).service,
                    SSOAdminAPI(
                        coordinator: services.coordinator, permissions: services.permissions,
                        instance: services.instance, authorizer: authorizer,
                        requests: RequestBook(), now: services.now
                    ).service,
                ]),
            tokenService: TokenService(
                admission: admission, trail: services.trail, pages: pages))
    }

    private var oauthClients: OAuthClients {
        OAuthClients(tokens: tokens, issuer: issuer, now: services.now)
    }

    private var signIn: SignInRoutes {
        SignInRoutes(flow: flow, authenticator: authenticator, guardian: guardian, pages: pages)
    }

    private var personGate: PersonGate {
        PersonGate(authenticator: authenticator, flow: flow, guardian: guardian)
    }
}
