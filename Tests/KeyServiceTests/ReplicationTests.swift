import Contracts
import Cryptography
import Foundation
import NIOCore
import RPC
import ServiceKit
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Replication of keys")
struct ReplicationTests {
    typealias R = TestRegions

    @Test("a replica opens what the primary sealed and the other way round")
    func interchange() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        let before = try await regions.encrypt("before", key.keyID, ["a": "1"])
        let replica = try await regions.replicate(key.keyID).replicaKeyMetadata
        #expect(replica.keyID == key.keyID)
        #expect(replica.arn == "arn:aws:kms:eu-west-1:111122223333:key/\(key.keyID)")
        #expect(replica.multiRegionKeyType == .replica)
        #expect(replica.primaryKey.region == R.home)
        #expect(replica.replicaKeys.map(\.region) == [R.away])
        #expect(try await regions.decrypt(before, ["a": "1"], region: R.away) == "before")
        #expect(
            try await regions.decrypt(before, ["a": "1"], keyID: key.arn, region: R.away)
                == "before")
        let after = try await regions.encrypt("after", key.keyID, region: R.away)
        regions.stop(R.away)
        #expect(try await regions.decrypt(after) == "after")
        #expect(try await regions.describe(key.keyID).replicaKeys.map(\.region) == [R.away])
    }

    @Test("who may not make keys in the other Region makes no replica there")
    func creationRefused() async throws {
        let regions = try TestRegions(roles: [R.away: ["ada": ["auditor"]]])
        let key = try await regions.makeKey()
        let error = await expectError("AccessDeniedException") {
            try await regions.replicate(key.keyID)
        }
        #expect(error?.message.contains("kms:CreateKey") == true)
        #expect(error?.message.contains(R.away) == true)
        #expect(try await regions.describe(key.keyID).replicaKeys.isEmpty)
        #expect(regions.trails[R.home]?.names.suffix(2) == ["ReplicateKey", "ReplicateKey!"])
        #expect(regions.trails[R.away]?.names.last == "CreateKey!")
    }

    @Test("tags of a replica need kms:TagResource in its Region, for the principal that asks")
    func delegatedCreation() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey(policy: defaultPolicy())
        let client = KeysKeyManagementClient(
            try regions.channel(R.home, from: .service(name: "portal", region: R.home)))
        func replicate(_ condition: String, tagged: Bool) async throws {
            let policy = """
                {"Version": "2012-10-17", "Statement": [
                  {"Effect": "Allow", "Action": "kms:ReplicateKey", "Resource": "*"},
                  {"Effect": "Allow", "Action": ["kms:CreateKey", "kms:PutKeyPolicy"],
                   "Resource": "*"},
                  {"Effect": "Allow", "Action": "kms:TagResource", "Resource": "*",
                   "Condition": {"StringEquals": {\(condition)}}}]}
                """
            let principal = KeysDelegatedPrincipal.with {
                $0.principalArn = "arn:aws:iam::\(account):user/guest"
                $0.identityPolicies = [policy]
            }
            _ = try await client.replicateKey(
                .with {
                    $0.keyID = key.keyID
                    $0.replicaRegion = R.away
                    if tagged {
                        $0.tags = [
                            .with {
                                $0.key = "team"
                                $0.value = "blue"
                            }
                        ]
                    }
                }, options: CallOptions(metadata: try PrincipalDelegation.metadata(principal)))
        }
        await expectError("AccessDeniedException") {
            try await replicate(#""aws:RequestedRegion": "us-east-1""#, tagged: true)
        }
        try await replicate(#""aws:RequestedRegion": "eu-west-1""#, tagged: true)
        #expect(try await regions.describe(key.keyID, R.away).multiRegionKeyType == .replica)
    }

    @Test("a keys service that does not say who asks gets no replica made")
    func nobodyAsks() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        let administration = try regions.module(R.away).administration
        #expect(throws: RPCError.self) {
            try administration.callers.caller(asking: KeysImportReplicaRequest())
        }
    }

    @Test("policy, state and description of a replica are its own")
    func independence() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        var request = KeysReplicateKeyRequest()
        request.keyID = key.keyID
        request.replicaRegion = R.away
        request.description_p = "away"
        let response = try await regions.management().replicateKey(request)
        // No policy given: the default one, not a copy.
        #expect(response.replicaPolicy == (try defaultPolicy()))
        #expect(response.replicaKeyMetadata.description_p == "away")
        try await regions.disable(key.keyID, R.home)
        #expect(try await regions.describe(key.keyID, R.away).keyState == .enabled)
        let blob = try await regions.encrypt("x", key.keyID, region: R.away)
        #expect(try await regions.decrypt(blob, region: R.away) == "x")
        await expectError("DisabledException") { try await regions.decrypt(blob) }
    }

    @Test("every related key names the same replicas")
    func replicaLists() async throws {
        let regions = try TestRegions([R.home, R.away, R.third])
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID, to: R.third)
        _ = try await regions.replicate(key.keyID, to: R.away)
        for region in [R.home, R.away, R.third] {
            let metadata = try await regions.describe(key.keyID, region)
            #expect(metadata.replicaKeys.map(\.region) == [R.away, R.third])
            #expect(metadata.primaryKey.region == R.home)
        }
        #expect(
            regions.trails[R.third]?.names == ["CreateKey", "SynchronizeMultiRegionKey"])
    }

    @Test("a list that could not be delivered is delivered later")
    func lateSynchronization() async throws {
        let regions = try TestRegions([R.home, R.away, R.third])
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID, to: R.third)
        regions.setReachable(R.third, false)
        _ = try await regions.replicate(key.keyID, to: R.away)
        regions.setReachable(R.third, true)
        #expect(try await regions.describe(key.keyID, R.third).replicaKeys.count == 1)
        await (try regions.module(R.home)).maintenance.runOnce()
        #expect(try await regions.describe(key.keyID, R.third).replicaKeys.count == 2)
    }

    @Test("a second replica in a Region is refused, even while the first is pending deletion")
    func alreadyThere() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        await expectError("AlreadyExistsException", .alreadyExists) {
            try await regions.replicate(key.keyID)
        }
        _ = try await regions.management(R.away).scheduleKeyDeletion(.with { $0.keyID = key.keyID })
        await expectError("AlreadyExistsException") { try await regions.replicate(key.keyID) }
    }

    @Test("a replica, a key of one Region and the own Region are refused")
    func unsupported() async throws {
        let regions = try TestRegions()
        let single = try await regions.makeKey(multiRegion: false)
        await expectError("UnsupportedOperationException") {
            try await regions.replicate(single.keyID)
        }
        let key = try await regions.makeKey()
        await expectError("ValidationException") {
            try await regions.replicate(key.keyID, to: R.home)
        }
        _ = try await regions.replicate(key.keyID)
        await expectError("UnsupportedOperationException") {
            try await regions.management(R.away).replicateKey(
                .with {
                    $0.keyID = key.keyID
                    $0.replicaRegion = R.home
                })
        }
    }

    @Test(
        "an unreachable Region is named with the remedy, changes nothing, and works when it is back"
    )
    func unreachable() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        regions.setReachable(R.away, false)
        let error = await expectError("REGION_UNREACHABLE", .unavailable) {
            try await regions.replicate(key.keyID)
        }
        #expect(error?.message.contains("call ReplicateKey again") == true)
        #expect(try await regions.describe(key.keyID).replicaKeys.isEmpty)
        #expect(regions.trails[R.home]?.names == ["CreateKey", "ReplicateKey", "ReplicateKey!"])
        regions.setReachable(R.away, true)
        _ = try await regions.replicate(key.keyID)
    }

    @Test("a replica whose answer was lost is found by the next attempt")
    func lostAnswer() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        // As if the process had ended before the answer arrived.
        let administration = try regions.module(R.home).administration
        let stored = try #require(administration.ring[key.keyID]).stored
        try administration.save(stored.with { $0.replicaRegions = [] })
        await expectError("AlreadyExistsException") { try await regions.replicate(key.keyID) }
        #expect(try await regions.describe(key.keyID).replicaKeys.map(\.region) == [R.away])
    }

    @Test("a transfer is good for one import, for a minute, and for what was sent only")
    func transfersAreUsedOnce() async throws {
        let regions = try TestRegions([R.home, R.away])
        let key = try await regions.makeKey()
        let channel = try regions.channel(R.away, from: .service(name: "keys", region: R.home))
        let client = KeysKeyTransferClient(channel)
        let module = try regions.module(R.home)
        let active = try #require(module.administration.ring[key.keyID])

        func request() async throws -> KeysImportReplicaRequest {
            let offer = try await client.offerTransfer(
                .with {
                    $0.keyID = key.keyID
                    $0.sourceRegion = R.home
                })
            return try sealed(active, offer, region: R.away)
        }

        await expectError("TRANSFER_NOT_OPEN", .failedPrecondition) {
            try await client.importReplica(.with { $0.transferID = "unknown" })
        }
        let expired = try await request()
        regions.clock.advance(seconds: 61)
        await expectError("TRANSFER_NOT_OPEN") { try await client.importReplica(expired) }

        var altered = try await request()
        altered.policy = try baseline()
        await expectError("TRANSFER_NOT_GENUINE", .invalidArgument) {
            try await client.importReplica(altered)
        }
        altered = try await request()
        altered.operatorName = "kim"
        await expectError("TRANSFER_NOT_GENUINE") { try await client.importReplica(altered) }
        altered = try await request()
        altered.tags = [KeysTag()]
        await expectError("TRANSFER_NOT_GENUINE") { try await client.importReplica(altered) }
        altered = try await request()
        altered.wrapped[0] ^= 1
        await expectError("TRANSFER_NOT_GENUINE") { try await client.importReplica(altered) }
        altered = try await request()
        altered.senderPublicKey = Data(count: 32)
        await expectError("TRANSFER_NOT_GENUINE") { try await client.importReplica(altered) }
        await expectError("NotFoundException") { try await regions.describe(key.keyID, R.away) }

        let genuine = try await request()
        _ = try await client.importReplica(genuine)
        await expectError("TRANSFER_NOT_OPEN") { try await client.importReplica(genuine) }
    }

    /// What the sender makes of an offer.
    private func sealed(
        _ key: ActiveKey, _ offer: KeysOfferTransferResponse, region: String
    ) throws -> KeysImportReplicaRequest {
        let own = try P256AgreementKey()
        let receiver = [UInt8](offer.receiverPublicKey)
        let envelope = try TransferEnvelope(
            own, peer: receiver,
            .init(
                transferID: offer.transferID, keyID: key.stored.keyID, sourceRegion: R.home,
                destinationRegion: region, senderPublicKey: own.publicKey,
                receiverPublicKey: receiver))
        var request = KeysImportReplicaRequest()
        request.transferID = offer.transferID
        request.senderPublicKey = Data(own.publicKey)
        request.operatorName = "ada"
        var transferred = KeysTransferredKey()
        transferred.keyID = key.stored.keyID
        transferred.accountID = account
        transferred.keySpec = key.stored.spec
        transferred.keyUsage = key.stored.usage
        transferred.primaryRegion = R.home
        transferred.replicaRegions = [region]
        transferred.materials = try key.materials().enumerated().map {
            try envelope.sealMaterial($0.element, index: $0.offset)
        }
        try envelope.seal(transferred, into: &request)
        return request
    }

    @Test("only keys services of other Regions transfer keys, for keys of their own Region")
    func senders() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        var request = KeysOfferTransferRequest()
        request.keyID = "mrk-00000000000000000000000000000000"
        request.sourceRegion = R.home
        for peer: PeerIdentity in [
            .operator(name: "ada"), .service(name: "directory", region: R.home),
            .service(name: "keys", region: R.away),
        ] {
            await expectError("AccessDeniedException", .permissionDenied) {
                try await KeysKeyTransferClient(regions.channel(R.away, from: peer))
                    .offerTransfer(request)
            }
        }
        let sender = KeysKeyTransferClient(
            try regions.channel(R.away, from: .service(name: "keys", region: R.third)))
        await expectError("ValidationException") { try await sender.offerTransfer(request) }
        // A Region that is not the primary's cannot change the list of replicas.
        _ = try await regions.replicate(key.keyID)
        _ = try await sender.synchronizeReplicas(
            .with {
                $0.keyID = key.keyID
                $0.primaryRegion = R.third
                $0.replicaRegions = [R.away, R.third]
            })
        #expect(try await regions.describe(key.keyID, R.away).primaryKey.region == R.home)
        #expect(try await regions.describe(key.keyID, R.away).replicaKeys.count == 1)
    }

    @Test("a signing key of the system works in the other Region under the system's policy")
    func serviceManaged() async throws {
        let regions = try TestRegions()
        let created = try await regions.management(service: "coordinator").createKey(
            .with {
                $0.serviceManaged = true
                $0.multiRegion = true
                $0.keySpec = .eccNistP256
                $0.keyUsage = .signVerify
            })
        let keyID = created.keyMetadata.keyID
        let replica = try await regions.management(service: "coordinator").replicateKey(
            .with {
                $0.keyID = keyID
                $0.replicaRegion = R.away
            })
        #expect(replica.replicaKeyMetadata.serviceManaged)
        let signed = try await regions.cryptography(service: "portal").sign(
            .with {
                $0.keyID = keyID
                $0.message = Data("token".utf8)
                $0.signingAlgorithm = .ecdsaSha256
            })
        let verified = try await regions.cryptography(R.away, service: "portal").verify(
            .with {
                $0.keyID = keyID
                $0.message = Data("token".utf8)
                $0.signature = signed.signature
                $0.signingAlgorithm = .ecdsaSha256
            })
        #expect(verified.signatureValid)
    }

    @Test("a primary with replicas waits for them to be gone before its own waiting period starts")
    func deletionOfRelatedKeys() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        let scheduled = try await regions.management().scheduleKeyDeletion(
            .with {
                $0.keyID = key.keyID
                $0.pendingWindowDays = 7
            }
        ).keyMetadata
        #expect(scheduled.keyState == .pendingReplicaDeletion)
        #expect(scheduled.deletionAtUs == 0)
        _ = try await regions.management(R.away).scheduleKeyDeletion(
            .with {
                $0.keyID = key.keyID
                $0.pendingWindowDays = 7
            })
        regions.clock.advance(days: 8)
        // The news has to wait while the primary's Region does not answer, and survives a restart.
        regions.setReachable(R.home, false)
        await (try regions.module(R.away)).maintenance.runOnce()
        await expectError("NotFoundException") { try await regions.describe(key.keyID, R.away) }
        regions.stop(R.away)
        try regions.start(R.away)
        regions.setReachable(R.home, true)
        #expect(try await regions.describe(key.keyID).keyState == .pendingReplicaDeletion)
        await (try regions.module(R.away)).maintenance.runOnce()
        let primary = try await regions.describe(key.keyID)
        #expect(primary.keyState == .pendingDeletion)
        #expect(primary.deletionAtUs == regions.clock.now + 7 * 86_400_000_000)
        #expect(primary.replicaKeys.isEmpty)
    }
}
