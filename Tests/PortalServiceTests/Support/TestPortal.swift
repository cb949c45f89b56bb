import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import RPC
import ServiceKit
import Synchronization

@testable import PortalService

/// A whole portal on fakes: everything between HTTP and the other services is real.
final class TestPortal: Sendable {
    static let url = "https://eu-central-1.portolan.test:8443"
    static let primaryURL = "https://us-east-1.portolan.test:8443"
    static let userID = "0c4b7a3e-6d0f-4a3c-9d7c-0d7f5a1b2c3d"
    static let administrators = "9d7f5a1b-2c3d-4a3c-9d7c-0c4b7a3e6d0f"
    static let accountID = "222233334444"

    let directory = FakeDirectory()
    let keys = FakeKeys()
    let trail = MemoryTrail()
    let gate = FakeGate()
    let sessions = MemoryLog<SessionState>()
    let scimTokens = MemoryLog<ScimTokenState>()
    let breakGlass = MemoryLog<BreakGlassState>()
    let applications = FakeApplications(application("Wiki", "https://wiki.example"))
    let instance: InstanceWatch
    let features: PortalFeatures
    /// Whether the person has lost the role.
    let unassigned = SharedValue(false)
    private let clock: SharedValue<Date>
    private let added: SharedValue<[String]>

    var now: Date {
        get { clock.value }
        set { clock.value = newValue }
    }
    /// Regions that AddRegion was called with.
    var addedRegions: [String] { added.value }

    init(
        isPrimary: Bool = true, isAdministrator: Bool = true, binding: String = "Redirect",
        assertions: (any AssertionGate)? = nil, recordsKeyUse: Bool = false,
        settings: PortalSettings = PortalSettings()
    ) throws {
        let clock = SharedValue(Date(timeIntervalSince1970: 1_790_000_000))
        let added = SharedValue<[String]>([])
        directory.add("alix@example.com", id: Self.userID)
        directory.addGroup(
            "Administrators", id: Self.administrators,
            members: isAdministrator ? [Self.userID] : [])
        let configuration = RegionConfiguration(
            region: "eu-central-1", trustDomain: "portolan.test", accountID: "111122223333",
            organizationID: "o-exampleorg", dataDirectory: "", pkiDirectory: "", listen: [:],
            portalURL: Self.url,
            operatorRoles: ["ada": ["auditor"], "abel": ["administrator"]],
            recordsKeyUse: recordsKeyUse,
            portal: settings)
        let coordinator = Self.coordinator(added)
        instance = InstanceWatch(channel: coordinator, logger: Logger(label: "test"))
        instance.set(Self.instance(isPrimary: isPrimary, binding: binding))
        let trail = trail
        features = try PortalFeatures(
            PortalServices(
                configuration: configuration, instance: instance,
                directory: DirectoryClient(directory.channel),
                permissions: PermissionsClient(Self.permissions(unassigned, applications)),
                coordinator: CoordinatorInstanceAdministrationClient(coordinator),
                trailClient: TrailClient(coordinator),
                cryptography: KeysCryptographyClient(keys.channel),
                keyManagement: KeysKeyManagementClient(keys.channel), trail: trail,
                sessions: sessions, scimTokens: scimTokens, breakGlass: breakGlass,
                assertionGate: assertions ?? gate,
                now: { clock.value }, logger: Logger(label: "test")))
        self.clock = clock
        self.added = added
    }

    /// Runs a test against the routes.
    func run(_ test: @Sendable (any TestClientProtocol) async throws -> Void) async throws {
        let application = Application(router: features.router())
        _ = try await application.test(.router, test)
    }

    /// A session made directly, as the cookie's value.
    func sessionToken(seconds: Double = 3_600, id: String = UUID().uuidString) async throws
        -> String
    {
        var session = PortalSession()
        session.sessionID = id.lowercased()
        session.userID = Self.userID
        session.userName = "alix@example.com"
        session.region = "eu-central-1"
        session.createdAtUs = now.microseconds
        session.expiresAtUs = now.addingTimeInterval(seconds).microseconds
        return try await features.sessionDesk.begin(
            .init(
                session: session, assertionHash: UUID().uuidString, assertionKeepUntil: now,
                events: []), instance: try instance.required())
    }

    static func cookie(_ token: String) -> HTTPFields {
        [.cookie: "\(PortalCookie.session)=\(token)"]
    }

    /// Headers of a form that a page of this portal sends.
    static func formHeaders(_ token: String, origin: String = url) -> HTTPFields {
        [
            .cookie: "\(PortalCookie.session)=\(token)", .origin: origin,
            .contentType: "application/x-www-form-urlencoded",
        ]
    }

    static func form(_ fields: [String: String], csrf token: String? = nil) -> ByteBuffer {
        var fields = fields
        if let token { fields["csrf"] = CrossSiteGuard.token(for: token) }
        return ByteBuffer(
            string: fields.map { "\(queryEncoded($0.key))=\(queryEncoded($0.value))" }.sorted()
                .joined(separator: "&"))
    }
}

/// A value shared with closures that are made before their owner.
struct SharedValue<Value: Sendable>: Sendable {
    private final class Storage: Sendable {
        let mutex: Mutex<Value>
        init(_ value: Value) { mutex = Mutex(value) }
    }
    private let box: Storage

    init(_ value: Value) { box = Storage(value) }

    var value: Value {
        get { box.mutex.withLock { $0 } }
        nonmutating set { box.mutex.withLock { $0 = newValue } }
    }
}
