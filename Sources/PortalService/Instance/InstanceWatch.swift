import Contracts
import Logging
import RPC
import Synchronization

/// The instance as this Region's coordinator last told it. Reading costs a lock, never a call.
final class InstanceWatch: Sendable {
    private let client: CoordinatorInstanceAdministrationClient
    private let logger: Logger
    private let current = Mutex<InstanceSnapshot?>(nil)

    init(channel: any CallChannel, logger: Logger) {
        client = CoordinatorInstanceAdministrationClient(channel)
        self.logger = logger
    }

    /// Nil until the coordinator has answered once, and while this Region holds no instance.
    var snapshot: InstanceSnapshot? { current.withLock { $0 } }

    /// Throws: `PortalFailure` REGION_NOT_ENABLED.
    func required() throws -> InstanceSnapshot {
        guard let snapshot else { throw PortalFailure.noInstance }
        return snapshot
    }

    /// Follows the coordinator until cancelled. What was last known stays while it is away.
    func run() async {
        var pause = Duration.milliseconds(50)
        while !Task.isCancelled {
            do {
                let stream = try await client.watchInstance(.init(), options: .open)
                for try await answer in stream {
                    set(answer)
                    pause = .milliseconds(50)
                }
            } catch {
                logger.debug("the instance cannot be watched", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(2))
        }
    }

    func set(_ answer: CoordinatorGetInstanceResponse) {
        let snapshot = answer.hasInstance ? InstanceSnapshot(answer) : nil
        current.withLock { $0 = snapshot }
    }
}

/// One state of the instance, with what the portal derives from it.
struct InstanceSnapshot: Sendable {
    let instance: CoordinatorInstance
    let identityProvider: CoordinatorIdentityProvider?
    let regions: [CoordinatorRegion]
    /// The Region that answers.
    let region: String
    /// "ssoins-<16 hex>".
    let shortID: String
    /// Issuer of session tokens and entity ID of the SAML service provider, in every Region.
    let issuer: String
    let identityStoreARN: String

    init(_ answer: CoordinatorGetInstanceResponse) {
        instance = answer.instance
        identityProvider = answer.hasIdentityProvider ? answer.identityProvider : nil
        regions = answer.regions
        region = answer.region
        shortID = instance.instanceArn.split(separator: "/").last.map(String.init) ?? ""
        issuer = "https://identitycenter.amazonaws.com/\(shortID)"
        identityStoreARN =
            "arn:aws:identitystore::\(instance.ownerAccountID):identitystore/"
            + instance.identityStoreID
    }

    var isPrimary: Bool { instance.primaryRegion == region }

    /// Regions that serve people, primary first, then by name.
    var servingRegions: [CoordinatorRegion] {
        regions.filter { $0.status == .active || $0.primary }
            .sorted { ($0.primary ? 0 : 1, $0.name) < ($1.primary ? 0 : 1, $1.name) }
    }

    func portalURL(of name: String) -> String {
        regions.first { $0.name == name }?.portalURL ?? ""
    }

    /// Seconds; the default when the instance does not say.
    var sessionSeconds: Int {
        instance.sessionDurationSeconds == 0 ? 28_800 : Int(instance.sessionDurationSeconds)
    }
}
