import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("States of keys")
struct KeyStateTests {
    /// An operation of the table in the KMS Developer Guide, "Key states".
    enum Operation: String, CaseIterable, Sendable {
        case encrypt, decrypt, generateDataKey, describe, getPolicy, putPolicy, enable, disable
        case scheduleDeletion, cancelDeletion, replicate, createAlias
    }

    static let pending = "KMSInvalidStateException"
    static let off = "DisabledException"
    /// What each operation answers: empty when it works.
    static let table: [KeysKeyState: [Operation: String]] = [
        .enabled: [.cancelDeletion: pending],
        .disabled: [
            .encrypt: off, .decrypt: off, .generateDataKey: off, .cancelDeletion: pending,
            .replicate: off,
        ],
        .pendingDeletion: [
            .encrypt: pending, .decrypt: pending, .generateDataKey: pending, .enable: pending,
            .disable: pending, .scheduleDeletion: pending, .replicate: pending,
            .createAlias: pending,
        ],
        .creating: [
            .encrypt: pending, .decrypt: pending, .generateDataKey: pending, .enable: pending,
            .disable: pending, .cancelDeletion: pending, .replicate: pending,
        ],
        .updating: [
            .enable: pending, .disable: pending, .scheduleDeletion: pending,
            .cancelDeletion: pending, .replicate: pending,
        ],
    ]

    @Test("every operation answers as the state of the key demands", arguments: Array(table.keys))
    func states(state: KeysKeyState) async throws {
        let expected = try #require(Self.table[state])
        for operation in Operation.allCases {
            let regions = try TestRegions()
            let key = try await regions.makeKey()
            let blob = try await regions.encrypt("x", key.keyID)
            let administration = try regions.module(TestRegions.home).administration
            let stored = try #require(administration.ring[key.keyID]).stored
            try administration.save(stored.with { $0.state = state })
            let reason = expected[operation] ?? ""
            if reason.isEmpty {
                try await perform(operation, key.keyID, blob, regions)
            } else {
                let error = await expectError(reason, .failedPrecondition) {
                    try await perform(operation, key.keyID, blob, regions)
                }
                #expect(error != nil, "\(operation) in \(state)")
            }
        }
    }

    private func perform(
        _ operation: Operation, _ keyID: String, _ blob: Data, _ regions: TestRegions
    ) async throws {
        let management = try regions.management()
        switch operation {
        case .encrypt: _ = try await regions.encrypt("y", keyID)
        case .decrypt: _ = try await regions.decrypt(blob)
        case .generateDataKey:
            _ = try await regions.cryptography().generateDataKey(.with { $0.keyID = keyID })
        case .describe: _ = try await regions.describe(keyID)
        case .getPolicy: _ = try await management.getKeyPolicy(.with { $0.keyID = keyID })
        case .putPolicy:
            let policy = try baseline()
            _ = try await management.putKeyPolicy(
                .with {
                    $0.keyID = keyID
                    $0.policy = policy
                })
        case .enable: _ = try await management.enableKey(.with { $0.keyID = keyID })
        case .disable: _ = try await management.disableKey(.with { $0.keyID = keyID })
        case .scheduleDeletion:
            _ = try await management.scheduleKeyDeletion(.with { $0.keyID = keyID })
        case .cancelDeletion: _ = try await management.cancelKeyDeletion(.with { $0.keyID = keyID })
        case .replicate: _ = try await regions.replicate(keyID)
        case .createAlias:
            _ = try await management.createAlias(
                .with {
                    $0.aliasName = "alias/x"
                    $0.targetKeyID = keyID
                })
        }
    }

    @Test("a disabled key opens again what it sealed once it is enabled")
    func disabledAndEnabled() async throws {
        let regions = try TestRegions([TestRegions.home])
        let key = try await regions.makeKey()
        let blob = try await regions.encrypt("secret", key.keyID)
        try await regions.disable(key.keyID)
        await expectError("DisabledException") { try await regions.decrypt(blob) }
        _ = try await regions.management().enableKey(.with { $0.keyID = key.keyID })
        #expect(try await regions.decrypt(blob) == "secret")
    }

    @Test("deletion waits for its date, can be cancelled until then and is final after it")
    func deletion() async throws {
        let regions = try TestRegions([TestRegions.home])
        let management = try regions.management()
        let key = try await regions.makeKey()
        let blob = try await regions.encrypt("x", key.keyID)
        for days: UInt32 in [1, 6, 31] {
            await expectError("ValidationException") {
                try await management.scheduleKeyDeletion(
                    .with {
                        $0.keyID = key.keyID
                        $0.pendingWindowDays = days
                    })
            }
        }
        let scheduled = try await management.scheduleKeyDeletion(
            .with {
                $0.keyID = key.keyID
                $0.pendingWindowDays = 7
            }
        ).keyMetadata
        #expect(scheduled.keyState == .pendingDeletion)
        #expect(scheduled.deletionAtUs == regions.clock.now + 7 * 86_400_000_000)
        let cancelled = try await management.cancelKeyDeletion(.with { $0.keyID = key.keyID })
        #expect(cancelled.keyMetadata.keyState == .disabled)
        #expect(cancelled.keyMetadata.deletionAtUs == 0)
        _ = try await management.scheduleKeyDeletion(
            .with {
                $0.keyID = key.keyID
                $0.pendingWindowDays = 7
            })
        let maintenance = try regions.module(TestRegions.home).maintenance
        regions.clock.advance(days: 6)
        await maintenance.runOnce()
        #expect(try await regions.describe(key.keyID).keyState == .pendingDeletion)
        regions.clock.advance(days: 1)
        await maintenance.runOnce()
        await expectError("NotFoundException") { try await regions.describe(key.keyID) }
        await expectError("NotFoundException") { try await regions.decrypt(blob) }
        #expect(regions.trails[TestRegions.home]?.names.last == "DeleteKey")
    }
}
