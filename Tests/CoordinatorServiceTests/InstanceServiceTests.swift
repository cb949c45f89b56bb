import Contracts
import CoordinatorService
import Foundation
import RPC
import SwiftProtobuf
import Synchronization
import Testing

@Suite("Instance")
struct InstanceServiceTests {
    @Test("there is one instance, with identifiers in AWS's forms and a signing key")
    func create() async throws {
        let world = try await World([World.primary])
        let client = try world.administration()
        #expect(
            await refusal { _ = try await client.getInstance(.init()) }?.reason
                == "INSTANCE_NOT_FOUND")
        let made = try await client.createInstance(.with { $0.name = "Example" }).instance
        #expect(
            made.instanceArn.wholeMatch(of: /arn:aws:sso:::instance\/ssoins-[0-9a-f]{16}/) != nil)
        #expect(made.identityStoreID.wholeMatch(of: /d-[0-9a-f]{10}/) != nil)
        #expect(made.organizationID.wholeMatch(of: /o-[a-z0-9]{10}/) != nil)
        #expect(made.identitySource == .identityCenterDirectory)
        #expect(made.signingKeyID.hasPrefix("mrk-"))
        #expect(
            await refusal { _ = try await client.createInstance(.init()) }?.reason
                == "INSTANCE_EXISTS")
        let regions = try await client.listRegions(.init()).regions
        #expect(regions.map(\.name) == [World.primary])
        #expect(regions.first?.primary == true)
        await world.end()
    }

    @Test("no instance is made while the keys service is away, and the refusal is recorded")
    func keysAway() async throws {
        let world = try await World([World.primary])
        world.keys.held.withLock { $0.isDown = true }
        let client = try world.administration()
        #expect(
            await refusal { _ = try await client.createInstance(.init()) }?.code == .unavailable)
        world.keys.held.withLock { $0.isDown = false }
        _ = try await client.createInstance(.init())
        let events = try await world.trail().lookUp(.init()).events
        #expect(events.map(\.event.eventName) == ["CreateInstance", "CreateInstance"])
        #expect(events.map(\.event.errorCode) == ["", "DOWN"])
        await world.end()
    }

    @Test("settings outside their range and a key of the wrong kind are refused")
    func badUpdates() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        let client = try world.administration()
        world.keys.addKey("mrk-signing", in: World.primary, spec: .eccNistP256)
        let wrong: [(CoordinatorUpdateInstanceRequest, String)] = [
            (.with { $0.sessionDurationSeconds = 899 }, "ValidationException"),
            (.with { $0.sessionDurationSeconds = 7_776_001 }, "ValidationException"),
            (.with { $0.kmsKeyID = "" }, "ValidationException"),
            (.with { $0.kmsKeyID = "mrk-nowhere" }, "NotFoundException"),
            (.with { $0.kmsKeyID = "mrk-signing" }, "InvalidKeyUsageException"),
        ]
        for (request, reason) in wrong {
            let error = await refusal { _ = try await client.updateInstance(request) }
            #expect(error?.reason == reason)
        }
        let kept = try await client.getInstance(.init()).instance
        #expect(kept.sessionDurationSeconds == 28_800)
        #expect(kept.encryption.kmsKeyArn == FakeKeys.arn(World.keyID, World.primary))
        await world.end()
    }

    @Test("a key whose policy shuts out a service is refused, naming service and action")
    func policy() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        world.keys.addKey("mrk-second", in: World.primary)
        world.keys.deny("identitystore.amazonaws.com", "kms:ReEncryptTo", in: World.primary)
        let client = try world.administration()
        let error = await refusal {
            _ = try await client.updateInstance(.with { $0.kmsKeyID = "mrk-second" })
        }
        #expect(error?.reason == "KEY_POLICY_DENIES")
        #expect(
            error?.message.contains("identitystore.amazonaws.com may not kms:ReEncryptTo") == true)
        let kept = try await client.getInstance(.init()).instance.encryption
        #expect(kept.kmsKeyArn == FakeKeys.arn(World.keyID, World.primary))
        #expect(kept.status == .enabled)
        await world.end()
    }

    @Test("a key is in force once every data key names it")
    func rewrapping() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        let client = try world.administration()
        try await world.appendDataKey(wrappedBy: World.keyID, version: 1)
        world.keys.addKey("mrk-second", in: World.primary)
        let updating = try await client.updateInstance(.with { $0.kmsKeyID = "mrk-second" })
        #expect(updating.instance.encryption.status == .updating)
        let second = await refusal {
            _ = try await client.updateInstance(.with { $0.kmsKeyID = World.keyID })
        }
        #expect(second?.reason == "WORKFLOW_IN_PROGRESS")
        let before = try await client.getInstance(.init()).instance.encryption
        #expect(before.dataKeys == 1 && before.dataKeysDone == 0)
        try await world.appendDataKey(wrappedBy: "mrk-second", version: 2)
        try await eventually("the new key is in force") {
            try await client.getInstance(.init()).instance.encryption.status == .enabled
        }
        let encryption = try await client.getInstance(.init()).instance.encryption
        #expect(encryption.kmsKeyArn == FakeKeys.arn("mrk-second", World.primary))
        #expect(encryption.dataKeys == 1 && encryption.dataKeysDone == 1)
        #expect(encryption.dataKeyGeneration == before.dataKeyGeneration + 1)
        await world.end()
    }

    @Test("data keys are not rotated while the KMS key is being changed")
    func rotationRefused() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        let client = try world.administration()
        try await world.appendDataKey(wrappedBy: World.keyID, version: 1)
        world.keys.addKey("mrk-second", in: World.primary)
        _ = try await client.updateInstance(.with { $0.kmsKeyID = "mrk-second" })
        let refused = await refusal { _ = try await client.rotateDataKeys(.init()) }
        #expect(refused?.reason == "WORKFLOW_IN_PROGRESS")
        await world.end()
    }

    @Test("a rotation of the data keys shows what is still sealed with the earlier ones")
    func rotation() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        let client = try world.administration()
        let generation = try await client.getInstance(.init()).instance.encryption
            .dataKeyGeneration
        try await world.appendDataKey(wrappedBy: World.keyID, version: 1) {
            $0.generation = generation
        }
        #expect(try await !client.getInstance(.init()).instance.encryption.hasResealing)
        let rotated = try await client.rotateDataKeys(.init()).instance.encryption
        #expect(rotated.dataKeyGeneration == generation + 1 && rotated.status == .enabled)
        let begun = try await client.getInstance(.init()).instance.encryption.resealing
        #expect(begun.dataKeys == 1 && begun.parts.map(\.counted) == [false])
        try await world.appendDataKey(wrappedBy: World.keyID, version: 2) {
            $0.generation = generation
            $0.records = 10
            $0.recordsLeft = 4
        }
        let half = try await client.getInstance(.init()).instance.encryption.resealing
        #expect(half.records == 10 && half.recordsLeft == 4)
        #expect(half.parts.map(\.stream) == ["control"] && half.parts.allSatisfy(\.counted))
        try await world.appendDataKey(wrappedBy: World.keyID, version: 3) {
            $0.generation = generation
            $0.records = 10
            $0.unusedSinceUs = 1
        }
        #expect(try await !client.getInstance(.init()).instance.encryption.hasResealing)
        await world.end()
    }

    @Test("a key that the services cannot take over in time is given up, the old one stays")
    func rewrappingFails() async throws {
        let world = try await World([World.primary]) {
            $0.timings.encryptionUpdateMax = .milliseconds(200)
        }
        try await world.instanceReadyToReplicate()
        let client = try world.administration()
        try await world.appendDataKey(wrappedBy: World.keyID, version: 1)
        world.keys.addKey("mrk-second", in: World.primary)
        _ = try await client.updateInstance(.with { $0.kmsKeyID = "mrk-second" })
        try await eventually("the change fails") {
            try await client.getInstance(.init()).instance.encryption.status == .updateFailed
        }
        let encryption = try await client.getInstance(.init()).instance.encryption
        #expect(encryption.kmsKeyArn == FakeKeys.arn(World.keyID, World.primary))
        #expect(encryption.statusReason.contains("directory"))
        await world.end()
    }

    @Test("an identity provider without certificates or with endless metadata is refused")
    func badProvider() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        let client = try world.administration()
        let changes: [(inout CoordinatorIdentityProvider) -> Void] = [
            { $0.entityID = "" }, { $0.signInURL = "javascript:alert(1)" },
            { $0.signingCertificates = [] },
            { $0.signingCertificates = Array(repeating: Data(count: 300), count: 11) },
            { $0.metadataXml = String(repeating: "x", count: 75_001) },
        ]
        for change in changes {
            var provider = World.provider
            change(&provider)
            let error = await refusal {
                _ = try await client.putIdentityProvider(
                    .with { $0.identityProvider = provider })
            }
            #expect(error?.reason == "ValidationException")
        }
        await world.end()
    }

    @Test("watchers see each change, and a read waits for the position it asks for")
    func watching() async throws {
        let world = try await World([World.primary])
        let client = try world.administration()
        var states = try await client.watchInstance(
            .init(), options: CallOptions(timeout: .seconds(20))
        ).makeAsyncIterator()
        #expect(try await states.next()?.hasInstance == false)
        try await world.instanceReadyToReplicate()
        let position = try await client.updateInstance(.with { $0.name = "Renamed" }).position
        while let state = try await states.next(), state.instance.name != "Renamed" {}
        let read = try await client.getInstance(.with { $0.atLeast = position })
        #expect(read.instance.name == "Renamed")
        let future = LogPosition.with {
            $0.stream = "control"
            $0.epoch = 1
            $0.sequence = position.sequence + 1_000
        }
        let late = await refusal {
            _ = try await client.getInstance(
                .with { $0.atLeast = future },
                options: CallOptions(timeout: .milliseconds(200)))
        }
        #expect(late?.code == .deadlineExceeded)
        await world.end()
    }
}

extension World {
    fileprivate func appendDataKey(
        wrappedBy keyID: String, version: UInt64,
        _ fill: (inout StateDataKeyRecord) -> Void = { _ in }
    ) async throws {
        let log = try log(as: "directory")
        let record = StateDataKeyRecord.with {
            $0.dataKeyID = "1"
            $0.kmsKeyArn = FakeKeys.arn(keyID, World.primary)
            fill(&$0)
        }
        let value = try record.serializedData() as Data
        var expected: UInt64 = 0
        while true {
            do {
                _ = try await log.append(
                    .with {
                        $0.scope = .control
                        $0.domain = "directory"
                        $0.expectedDomainSequence = expected
                        $0.records = [
                            .with {
                                $0.key = "data-key/1"
                                $0.version = version
                                $0.value = value
                            }
                        ]
                    })
                return
            } catch let error as RPCError where error.reason == "DOMAIN_ADVANCED" {
                expected = error.metadata["domain-sequence"].flatMap(UInt64.init) ?? 0
            }
        }
    }
}
