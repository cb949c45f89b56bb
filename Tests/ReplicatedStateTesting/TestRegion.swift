package import Contracts
import Logging
package import RPC
import ReplicatedState
package import ServiceKit
import Synchronization

/// One Region with a coordinator and a keys service, for services under test.
package final class TestRegion: Sendable {
    package let name: String
    package let coordinator: FakeCoordinator
    package let keys: FakeKeys
    private let others = Mutex<[ServiceName: any CallChannel]>([:])

    package init(
        _ name: String, log: FakeLog, material: FakeKeyMaterial,
        instance: CoordinatorInstance? = TestRegion.instance()
    ) {
        self.name = name
        coordinator = FakeCoordinator(region: name, log: log, instance: instance)
        keys = FakeKeys(region: name, material: material)
    }

    /// An instance whose primary is eu-central-1.
    package static func instance(
        kmsKeyARN: String = "", primary: String = "eu-central-1"
    ) -> CoordinatorInstance {
        var instance = CoordinatorInstance()
        instance.instanceArn = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
        instance.identityStoreID = "d-1234567890"
        instance.ownerAccountID = "111122223333"
        instance.kind = .organization
        instance.primaryRegion = primary
        instance.encryption.kmsKeyArn = kmsKeyARN
        return instance
    }

    /// Makes a service reachable for the others of the Region.
    package func add(_ service: ServiceName, _ methods: MethodTable) {
        let channel = InProcessTransport(
            methods: methods, peer: .service(name: "permission", region: name))
        others.withLock { $0[service] = channel }
    }

    package var channels: any ServiceChannels {
        let peer = PeerIdentity.service(name: "directory", region: name)
        let coordinator = InProcessTransport(methods: coordinator.methods, peer: peer)
        let keys = InProcessTransport(methods: keys.methods, peer: peer)
        return ClosureChannels { [self] service, _ in
            switch service {
            case .coordinator: return coordinator
            case .keys: return keys
            default:
                guard let channel = others.withLock({ $0[service] }) else {
                    throw RPCError(
                        .unavailable, reason: "ADDRESS_UNKNOWN", message: "Not running here.")
                }
                return channel
            }
        }
    }

    package func configuration(hold: Duration = .seconds(300)) -> RegionConfiguration {
        RegionConfiguration(
            region: name, trustDomain: "test", accountID: "111122223333", organizationID: "o-test",
            dataDirectory: "/nonexistent", pkiDirectory: "/nonexistent", listen: [:],
            dataKeyHold: hold)
    }
}

/// Runs background work beside a test and cancels it at the end.
package func withRunning<Result: Sendable>(
    _ work: @escaping @Sendable () async throws -> Void,
    _ body: () async throws -> Result
) async throws -> Result {
    let task = Task { try await work() }
    do {
        let result = try await body()
        task.cancel()
        _ = await task.result
        return result
    } catch {
        task.cancel()
        _ = await task.result
        throw error
    }
}

/// Asks again until the condition holds; false when it did not within the time.
package func eventually(
    within duration: Duration = .seconds(60), _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let end = ContinuousClock.now + duration
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return try await condition()
}
