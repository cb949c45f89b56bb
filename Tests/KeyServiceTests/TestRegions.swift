import AccessPolicy
import Contracts
import Cryptography
import Foundation
import Logging
import RPC
import ServiceKit
import Synchronization
import Testing

@testable import KeyService

let account = "111122223333"
let organization = "o-exampleorgid"

/// Keeps events, or refuses them.
final class TestTrail: TrailRecorder {
    private struct State {
        var events: [TrailEvent] = []
        var isBroken = false
        var onRecord: (@Sendable (TrailEvent) -> Void)?
    }

    private let state = Mutex(State())

    var events: [TrailEvent] { state.withLock { $0.events } }
    var names: [String] { events.map { $0.errorCode.isEmpty ? $0.eventName : "\($0.eventName)!" } }

    func setBroken(_ isBroken: Bool) { state.withLock { $0.isBroken = isBroken } }
    func onRecord(_ body: @escaping @Sendable (TrailEvent) -> Void) {
        state.withLock { $0.onRecord = body }
    }

    func record(_ events: [TrailEvent]) async throws {
        let observer = try state.withLock { state in
            guard !state.isBroken else {
                throw RPCError(.unavailable, reason: "X", message: "The coordinator is down.")
            }
            state.events += events
            return state.onRecord
        }
        events.forEach { observer?($0) }
    }
}

/// A clock that tests move.
final class TestClock: Sendable {
    private let time = Mutex<Int64>(1_795_478_400_000_000)  // 2026-11-24
    var now: Int64 { time.withLock { $0 } }
    func advance(seconds: Int64) { time.withLock { $0 += seconds * 1_000_000 } }
    func advance(days: Int64) { advance(seconds: days * 86_400) }
}

/// Calls as they reach a receiver, for tests that look at or repeat what is on the wire.
final class Tap: Sendable {
    private let requests = Mutex<[(MethodDescriptor, [UInt8])]>([])
    func note(_ method: MethodDescriptor, _ request: [UInt8]) {
        requests.withLock { $0.append((method, request)) }
    }
    func last(_ method: MethodDescriptor) -> [UInt8]? {
        requests.withLock { $0.last { $0.0.fullName == method.fullName }?.1 }
    }
}

/// Keys services of some Regions in one process, connected with each other.
final class TestRegions: Sendable {
    private struct State {
        var modules: [String: KeyServiceModule] = [:]
        var unreachable: Set<String> = []
    }

    let directory: String
    let clock = TestClock()
    let trails: [String: TestTrail]
    private let state = Mutex(State())
    /// Regions whose configuration gives other roles to operators.
    private let roles: [String: [String: Set<String>]]

    static let home = "eu-central-1"
    static let away = "eu-west-1"
    static let third = "us-east-1"

    init(
        _ regions: [String] = [home, away], roles: [String: [String: Set<String>]] = [:]
    ) throws {
        self.roles = roles
        directory =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("keys-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        trails = Dictionary(uniqueKeysWithValues: regions.map { ($0, TestTrail()) })
        for region in regions { try start(region) }
    }

    deinit {
        state.withLock { $0.modules = [:] }
        try? FileManager.default.removeItem(atPath: directory)
    }

    func dataDirectory(_ region: String) -> String { "\(directory)/\(region)" }

    func configuration(
        _ region: String, passphrase: SecretBytes? = nil, directory: String? = nil
    ) -> KeyServiceConfiguration {
        KeyServiceConfiguration(
            region: region, accountID: account, organizationID: organization,
            dataDirectory: directory ?? dataDirectory(region),
            operatorRoles: roles[region] ?? [
                "ada": ["administrator"], "kim": ["key-administrator"], "otto": ["auditor"],
            ], rootKeyPassphrase: passphrase)
    }

    func start(_ region: String) throws {
        let module = try KeyServiceModule(
            configuration: configuration(region), trail: trails[region] ?? TestTrail(),
            peers: { [weak self] other in
                guard let self else { throw RPCError.keyNotFound(other) }
                return try self.channel(other, from: .service(name: "keys", region: region))
            }, logger: Logger(label: "test"), now: { [clock] in clock.now })
        state.withLock { $0.modules[region] = module }
    }

    /// Ends a Region's service without a goodbye.
    func stop(_ region: String) { state.withLock { $0.modules[region] = nil } }

    func setReachable(_ region: String, _ isReachable: Bool) {
        state.withLock { state in
            if isReachable {
                state.unreachable.remove(region)
            } else {
                state.unreachable.insert(region)
            }
        }
    }

    func module(_ region: String) throws -> KeyServiceModule {
        try #require(state.withLock { $0.modules[region] })
    }

    func channel(_ region: String, from peer: PeerIdentity) throws -> InProcessTransport {
        let module = try state.withLock { state in
            guard let module = state.modules[region], !state.unreachable.contains(region) else {
                throw RPCError(
                    .unavailable, reason: "UNREACHABLE", message: "Nobody answers at \(region).")
            }
            return module
        }
        return InProcessTransport(methods: module.methods, peer: peer)
    }

    func management(
        _ region: String = home, as name: String = "ada"
    ) throws -> KeysKeyManagementClient {
        KeysKeyManagementClient(try channel(region, from: .operator(name: name)))
    }

    func management(_ region: String = home, service: String) throws -> KeysKeyManagementClient {
        KeysKeyManagementClient(try channel(region, from: .service(name: service, region: region)))
    }

    func cryptography(
        _ region: String = home, as name: String = "ada"
    ) throws -> KeysCryptographyClient {
        KeysCryptographyClient(try channel(region, from: .operator(name: name)))
    }

    func cryptography(_ region: String = home, service: String) throws -> KeysCryptographyClient {
        KeysCryptographyClient(try channel(region, from: .service(name: service, region: region)))
    }

    /// A symmetric multi-Region key with the baseline policy, or another.
    func makeKey(
        multiRegion: Bool = true, spec: KeysKeySpec = .symmetricDefault, policy: String? = nil
    ) async throws -> KeysKeyMetadata {
        var request = KeysCreateKeyRequest()
        request.multiRegion = multiRegion
        request.keySpec = spec
        request.keyUsage = spec == .eccNistP256 ? .signVerify : .encryptDecrypt
        request.policy = try policy ?? baseline()
        return try await management().createKey(request).keyMetadata
    }

    func replicate(
        _ keyID: String, to region: String = away, policy: String? = nil
    ) async throws -> KeysReplicateKeyResponse {
        var request = KeysReplicateKeyRequest()
        request.keyID = keyID
        request.replicaRegion = region
        request.policy = try policy ?? baseline()
        return try await management().replicateKey(request)
    }

    func describe(_ keyID: String, _ region: String = home) async throws -> KeysKeyMetadata {
        var request = KeysDescribeKeyRequest()
        request.keyID = keyID
        return try await management(region).describeKey(request).keyMetadata
    }

    func disable(_ keyID: String, _ region: String = home) async throws {
        var request = KeysDisableKeyRequest()
        request.keyID = keyID
        _ = try await management(region).disableKey(request)
    }

    func encrypt(
        _ text: String, _ keyID: String, _ context: [String: String] = [:],
        region: String = home, as name: String = "ada"
    ) async throws -> Data {
        var request = KeysEncryptRequest()
        request.keyID = keyID
        request.plaintext = Data(text.utf8)
        request.encryptionContext = context
        return try await cryptography(region, as: name).encrypt(request).ciphertextBlob
    }

    func decrypt(
        _ blob: Data, _ context: [String: String] = [:], keyID: String = "",
        region: String = home, as name: String = "ada"
    ) async throws -> String {
        var request = KeysDecryptRequest()
        request.ciphertextBlob = blob
        request.encryptionContext = context
        request.keyID = keyID
        let response = try await cryptography(region, as: name).decrypt(request)
        return String(decoding: response.plaintext, as: UTF8.self)
    }
}

func baseline() throws -> String {
    try BaselineKeyPolicy.document(managementAccount: account, organization: organization)
}

/// The encryption context that the services use.
let instanceContext = ["aws:sso:instance-arn": "arn:aws:sso:::instance/ssoins-1234567890abcdef"]

/// Expects an error with a reason, and returns it.
@discardableResult
func expectError(
    _ reason: String, _ code: RPCError.Code? = nil,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> some Any
) async -> RPCError? {
    do {
        _ = try await body()
        Issue.record("expected \(reason), but it worked", sourceLocation: sourceLocation)
        return nil
    } catch let error as RPCError {
        #expect(error.reason == reason, "\(error)", sourceLocation: sourceLocation)
        if let code { #expect(error.code == code, sourceLocation: sourceLocation) }
        return error
    } catch {
        Issue.record("expected \(reason), got \(error)", sourceLocation: sourceLocation)
        return nil
    }
}
