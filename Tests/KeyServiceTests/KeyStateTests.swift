import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("States of keys", .serialized)
struct KeyStateTests {
    /// An operation of the table in the KMS Developer Guide, "Key states".
    enum Operation: String, CaseIterable, Sendable {
        case encrypt, decrypt, reEncrypt, generateDataKey, generateDataKeyWithoutPlaintext
        case describe, getPolicy, putPolicy, listPolicies, getRotation, listRotations
        case enable, disable, scheduleDeletion, cancelDeletion, replicate, updatePrimary
        case createGrant, listGrants, retireGrant, revokeGrant, tag, untag, listTags,
            updateDescription
        case createAlias, updateAlias, deleteAlias
        case enableRotation, disableRotation, rotateOnDemand
    }

    /// One cell of the table.
    struct Cell: Sendable, CustomTestStringConvertible {
        let operation: Operation
        let state: KeysKeyState
        /// What the operation answers; empty when it works.
        let reason: String

        var testDescription: String { "\(operation) \(state) \(reason)" }
    }

    static let states: [KeysKeyState] = [
        .enabled, .disabled, .pendingDeletion, .pendingReplicaDeletion, .pendingImport, .creating,
        .updating,
    ]
    static let pending = "KMSInvalidStateException"
    static let off = "DisabledException"
    static let no = "UnsupportedOperationException"

    /// Answers in the order of `states`.
    private static func row(_ operation: Operation) -> [String] {
        switch operation {
        case .encrypt, .decrypt, .reEncrypt, .generateDataKey, .generateDataKeyWithoutPlaintext,
            .createGrant:
            ["", off, pending, pending, pending, pending, ""]
        case .enable, .disable: ["", "", pending, pending, pending, pending, pending]
        case .scheduleDeletion: ["", "", pending, pending, "", "", pending]
        case .cancelDeletion: [pending, pending, "", "", pending, pending, pending]
        case .replicate: ["", off, pending, pending, pending, pending, pending]
        case .updatePrimary: ["", off, pending, pending, pending, pending, ""]
        case .tag, .untag, .updateDescription, .createAlias, .updateAlias:
            ["", "", pending, pending, "", "", ""]
        case .enableRotation, .disableRotation, .rotateOnDemand:
            ["", off, pending, pending, no, pending, ""]
        case .describe, .getPolicy, .putPolicy, .listPolicies, .getRotation, .listRotations,
            .listGrants, .retireGrant, .revokeGrant, .listTags, .deleteAlias:
            ["", "", "", "", "", "", ""]
        }
    }

    static let cells = Operation.allCases.flatMap { operation in
        zip(states, row(operation)).map { Cell(operation: operation, state: $0, reason: $1) }
    }

    @Test("an operation answers as the state of the key demands", arguments: cells)
    func state(cell: Cell) async throws {
        let regions = try TestRegions([TestRegions.home, TestRegions.away, TestRegions.third])
        let key = try await regions.makeKey()
        let other = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID, to: TestRegions.third)
        let blob = try await regions.encrypt("x", key.keyID)
        let management = try regions.management()
        let grant = try await management.createGrant(
            .with {
                $0.keyID = key.keyID
                $0.granteePrincipal = "arn:aws:iam::\(account):user/guest"
                $0.operations = ["Decrypt"]
            })
        for (name, target) in [("alias/own", key.keyID), ("alias/other", other.keyID)] {
            _ = try await management.createAlias(
                .with {
                    $0.aliasName = name
                    $0.targetKeyID = target
                })
        }
        let administration = try regions.module(TestRegions.home).administration
        let stored = try #require(administration.ring[key.keyID]).stored
        try administration.save(stored.with { $0.state = cell.state })
        let subject = Subject(keyID: key.keyID, blob: blob, grantID: grant.grantID)
        if cell.reason.isEmpty {
            try await perform(cell.operation, subject, regions)
        } else {
            await expectError(cell.reason) { try await perform(cell.operation, subject, regions) }
        }
    }

    private struct Subject {
        let keyID: String
        let blob: Data
        let grantID: String
    }

    private func perform(
        _ operation: Operation, _ subject: Subject, _ regions: TestRegions
    ) async throws {
        let management = try regions.management()
        let cryptography = try regions.cryptography()
        let keyID = subject.keyID
        switch operation {
        case .encrypt: _ = try await regions.encrypt("y", keyID)
        case .decrypt: _ = try await regions.decrypt(subject.blob)
        case .reEncrypt:
            _ = try await cryptography.reEncrypt(
                .with {
                    $0.ciphertextBlob = subject.blob
                    $0.destinationKeyID = keyID
                })
        case .generateDataKey:
            _ = try await cryptography.generateDataKey(.with { $0.keyID = keyID })
        case .generateDataKeyWithoutPlaintext:
            _ = try await cryptography.generateDataKeyWithoutPlaintext(.with { $0.keyID = keyID })
        case .describe: _ = try await regions.describe(keyID)
        case .getPolicy: _ = try await management.getKeyPolicy(.with { $0.keyID = keyID })
        case .putPolicy:
            let policy = try baseline()
            _ = try await management.putKeyPolicy(
                .with {
                    $0.keyID = keyID
                    $0.policy = policy
                })
        case .listPolicies: _ = try await management.listKeyPolicies(.with { $0.keyID = keyID })
        case .enable: _ = try await management.enableKey(.with { $0.keyID = keyID })
        case .disable: _ = try await management.disableKey(.with { $0.keyID = keyID })
        case .scheduleDeletion:
            _ = try await management.scheduleKeyDeletion(.with { $0.keyID = keyID })
        case .cancelDeletion: _ = try await management.cancelKeyDeletion(.with { $0.keyID = keyID })
        case .replicate: _ = try await regions.replicate(keyID)
        case .updatePrimary:
            _ = try await management.updatePrimaryRegion(
                .with {
                    $0.keyID = keyID
                    $0.primaryRegion = TestRegions.third
                })
        default: try await performMinor(operation, subject, management)
        }
    }

    private func performMinor(
        _ operation: Operation, _ subject: Subject, _ management: KeysKeyManagementClient
    ) async throws {
        let keyID = subject.keyID
        switch operation {
        case .getRotation: _ = try await management.getKeyRotationStatus(.with { $0.keyID = keyID })
        case .listRotations: _ = try await management.listKeyRotations(.with { $0.keyID = keyID })
        case .enableRotation: _ = try await management.enableKeyRotation(.with { $0.keyID = keyID })
        case .disableRotation:
            _ = try await management.disableKeyRotation(.with { $0.keyID = keyID })
        case .rotateOnDemand: _ = try await management.rotateKeyOnDemand(.with { $0.keyID = keyID })
        case .createGrant:
            _ = try await management.createGrant(
                .with {
                    $0.keyID = keyID
                    $0.granteePrincipal = "arn:aws:iam::\(account):user/other"
                    $0.operations = ["Encrypt"]
                })
        case .listGrants: _ = try await management.listGrants(.with { $0.keyID = keyID })
        case .retireGrant:
            _ = try await management.retireGrant(
                .with {
                    $0.keyID = keyID
                    $0.grantID = subject.grantID
                })
        case .revokeGrant:
            _ = try await management.revokeGrant(
                .with {
                    $0.keyID = keyID
                    $0.grantID = subject.grantID
                })
        default: try await performNaming(operation, keyID, management)
        }
    }

    private func performNaming(
        _ operation: Operation, _ keyID: String, _ management: KeysKeyManagementClient
    ) async throws {
        switch operation {
        case .tag:
            _ = try await management.tagResource(
                .with {
                    $0.keyID = keyID
                    $0.tags = [.with { $0.key = "team" }]
                })
        case .untag:
            _ = try await management.untagResource(
                .with {
                    $0.keyID = keyID
                    $0.tagKeys = ["team"]
                })
        case .listTags: _ = try await management.listResourceTags(.with { $0.keyID = keyID })
        case .updateDescription:
            _ = try await management.updateKeyDescription(.with { $0.keyID = keyID })
        case .createAlias:
            _ = try await management.createAlias(
                .with {
                    $0.aliasName = "alias/x"
                    $0.targetKeyID = keyID
                })
        case .updateAlias:
            _ = try await management.updateAlias(
                .with {
                    $0.aliasName = "alias/other"
                    $0.targetKeyID = keyID
                })
        case .deleteAlias:
            _ = try await management.deleteAlias(.with { $0.aliasName = "alias/own" })
        default: Issue.record("\(operation) is not performed")
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
