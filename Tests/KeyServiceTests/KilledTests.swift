import Contracts
import Cryptography
import Foundation
import Logging
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

/// A process that is killed in the middle of a change leaves a store that opens, with the change
/// done or not done at all.
@Suite("Killed in the middle of a change", .serialized)
struct KilledTests {
    typealias R = TestRegions

    /// Every kind of change that writes.
    enum Change: String, CaseIterable, Sendable, Codable {
        case create, disable, schedule, policy, alias, updateAlias, deleteAlias, tag, describe
        case grant, revoke, rotation, rotate, importMaterial, deleteMaterial, deleteKey
    }

    @Test("the store opens, and every key in it works", arguments: Change.allCases)
    func killed(change: Change) async throws {
        let regions = try TestRegions([])
        let directory = "\(regions.directory)/killed"
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [directory = directory as String, change = change.rawValue as String] in
            let change = try #require(Change(rawValue: change))
            let world = try KilledWorld(directory)
            try await world.prepare(change)
            // Between the record in the trail and some point within or after the commit.
            world.trail.onRecord { event in
                guard event.eventName == KilledWorld.eventName(change) else { return }
                Thread.detachNewThread {
                    usleep(useconds_t.random(in: 0..<1_500))
                    kill(getpid(), SIGKILL)
                }
            }
            while true { try await world.perform(change) }
        }
        let world = try KilledWorld(directory)
        let ring = world.module.administration.ring
        let stored = try world.module.administration.store.contents().keys
        #expect(stored.count == ring.keyCount)
        for key in ring.keys where key.stored.hasMaterial {
            #expect(throws: Never.self) { try key.materials() }
        }
        // It still takes changes.
        let key = try await world.management.createKey(.init()).keyMetadata
        _ = try await world.management.disableKey(.with { $0.keyID = key.keyID })
    }
}

/// A keys service in a directory, with one key to change.
struct KilledWorld {
    let module: KeyServiceModule
    let trail = TestTrail()
    let management: KeysKeyManagementClient
    private let clock = TestClock()

    init(_ directory: String) throws {
        let regions = try TestRegions([])
        module = try KeyServiceModule(
            configuration: regions.configuration(TestRegions.home, directory: directory),
            trail: trail, peers: { throw RPCError.keyNotFound($0) }, logger: Logger(label: "test"),
            now: { [clock] in clock.now })
        management = KeysKeyManagementClient(
            InProcessTransport(methods: module.methods, peer: .operator(name: "ada")))
    }

    static func eventName(_ change: KilledTests.Change) -> String {
        switch change {
        case .create: "CreateKey"
        case .disable: "DisableKey"
        case .schedule: "ScheduleKeyDeletion"
        case .policy: "PutKeyPolicy"
        case .alias: "CreateAlias"
        case .updateAlias: "UpdateAlias"
        case .deleteAlias: "DeleteAlias"
        case .tag: "TagResource"
        case .describe: "UpdateKeyDescription"
        case .grant: "CreateGrant"
        case .revoke: "RevokeGrant"
        case .rotation: "EnableKeyRotation"
        case .rotate: "RotateKeyOnDemand"
        case .importMaterial: "ImportKeyMaterial"
        case .deleteMaterial: "DeleteImportedKeyMaterial"
        case .deleteKey: "DeleteKey"
        }
    }

    private var keyID: String {
        get throws {
            try #require(module.administration.ring.keys.first { !$0.stored.isImported })
                .stored.keyID
        }
    }

    private var importedKeyID: String {
        get throws {
            try #require(module.administration.ring.keys.first { $0.stored.isImported })
                .stored.keyID
        }
    }

    /// What the change needs to be there.
    func prepare(_ change: KilledTests.Change) async throws {
        let key = try await management.createKey(.init()).keyMetadata
        _ = try await management.createKey(.with { $0.origin = .external })
        switch change {
        case .updateAlias, .deleteAlias:
            _ = try await management.createAlias(
                .with {
                    $0.aliasName = "alias/there"
                    $0.targetKeyID = key.keyID
                })
        case .revoke: try await grant(key.keyID)
        case .deleteMaterial: try await importMaterial()
        default: break
        }
    }

    func perform(_ change: KilledTests.Change) async throws {
        let keyID = try keyID
        switch change {
        case .create: _ = try await management.createKey(.init())
        case .disable: _ = try await management.disableKey(.with { $0.keyID = keyID })
        case .schedule:
            _ = try await management.scheduleKeyDeletion(.with { $0.keyID = keyID })
            _ = try await management.cancelKeyDeletion(.with { $0.keyID = keyID })
        case .policy:
            let policy = try baseline()
            _ = try await management.putKeyPolicy(
                .with {
                    $0.keyID = keyID
                    $0.policy = policy
                })
        case .alias:
            _ = try await management.createAlias(
                .with {
                    $0.aliasName = "alias/new"
                    $0.targetKeyID = keyID
                })
        case .updateAlias:
            _ = try await management.updateAlias(
                .with {
                    $0.aliasName = "alias/there"
                    $0.targetKeyID = keyID
                })
        case .deleteAlias:
            _ = try await management.deleteAlias(.with { $0.aliasName = "alias/there" })
        case .tag:
            _ = try await management.tagResource(
                .with {
                    $0.keyID = keyID
                    $0.tags = [.with { $0.key = "team" }]
                })
        case .describe:
            _ = try await management.updateKeyDescription(
                .with {
                    $0.keyID = keyID
                    $0.description_p = "another"
                })
        default: try await performMore(change, keyID)
        }
        // The signal is on its way.
        try await Task.sleep(for: .milliseconds(20))
    }

    private func performMore(_ change: KilledTests.Change, _ keyID: String) async throws {
        switch change {
        case .grant: try await grant(keyID)
        case .revoke:
            let active = try #require(module.administration.ring[keyID])
            let grantID = try #require(active.stored.grants.first).id
            _ = try await management.revokeGrant(
                .with {
                    $0.keyID = keyID
                    $0.grantID = grantID
                })
        case .rotation: _ = try await management.enableKeyRotation(.with { $0.keyID = keyID })
        case .rotate: _ = try await management.rotateKeyOnDemand(.with { $0.keyID = keyID })
        case .importMaterial: try await importMaterial()
        case .deleteMaterial:
            let imported = try importedKeyID
            _ = try await management.deleteImportedKeyMaterial(.with { $0.keyID = imported })
        case .deleteKey:
            _ = try await management.scheduleKeyDeletion(
                .with {
                    $0.keyID = keyID
                    $0.pendingWindowDays = 7
                })
            clock.advance(days: 7)
            await module.maintenance.runOnce()
        default: Issue.record("\(change) is not performed")
        }
    }

    private func grant(_ keyID: String) async throws {
        _ = try await management.createGrant(
            .with {
                $0.keyID = keyID
                $0.granteePrincipal = GrantTests.guest
                $0.operations = ["Decrypt"]
            })
    }

    private func importMaterial() async throws {
        let keyID = try importedKeyID
        let parameters = try await management.getParametersForImport(
            .with {
                $0.keyID = keyID
                $0.wrappingAlgorithm = .rsaesOaepSha256
                $0.wrappingKeySpec = .rsa2048
            })
        let token = try ImportToken(
            parameters.importToken, keyID: keyID, rootKey: module.administration.rootKey)
        let material = [UInt8](repeating: 7, count: 32)
        let wrapped = try material.withUnsafeBytes { try token.wrappingKey.encrypt($0, .sha256) }
        _ = try await management.importKeyMaterial(
            .with {
                $0.keyID = keyID
                $0.importToken = parameters.importToken
                $0.encryptedKeyMaterial = Data(wrapped)
                $0.expirationModel = .keyMaterialDoesNotExpire
            })
    }
}
