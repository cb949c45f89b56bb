import Contracts
import Foundation
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// How another Region's checkpoint stands in this Region's trail, and what was thought of it.
struct CheckpointEvent {
    static let name = "WitnessTrailCheckpoint"

    /// Why a checkpoint was not simply believed.
    enum Objection: String {
        /// Not signed by the coordinator of its Region.
        case unsigned = "TrailCheckpointNotSigned"
        /// It ends before, or is not what was there, when an earlier one was signed.
        case wentBack = "TrailWentBack"
        /// The Region has another trail than before.
        case beganAnew = "TrailBeganAnew"
    }

    var region: String
    var signed: TrailSignedCheckpoint
    var checkpoint: TrailCheckpoint
    var objection: Objection?
    var explanation = ""
    /// Of this Region's trail; zero until it is recorded.
    var sequence: UInt64 = 0
    var timeMicroseconds: Int64 = 0

    /// Whether later checkpoints have to follow it.
    var isBelieved: Bool { objection == nil || objection == .beganAnew }

    /// Whether it speaks against all that come after it, until an operator has acknowledged it.
    var needsAcknowledgement: Bool { objection == .wentBack || objection == .beganAnew }

    var draft: TrailEvent {
        var event = TrailEvent(
            name: Self.name, source: AdministrativeCall.source,
            actor: .with {
                $0.type = "AWSService"
                $0.userName = "coordinator.\(region)"
            }, readOnly: false, type: "AwsServiceEvent",
            serviceDetails: [
                "region": region, "sequence": "\(checkpoint.sequence)",
                "hash": checkpoint.hash.hexadecimal,
                "signedAt": UTCTime.text(checkpoint.signedAtUs),
                "signedCheckpoint": (try? signed.serializedData())?.base64EncodedString() ?? "",
            ])
        if let objection {
            event.errorCode = objection.rawValue
            event.errorMessage = explanation
        }
        return event
    }
}

extension CheckpointEvent {
    private struct Details: Decodable {
        var region: String
        var signedCheckpoint: String
    }

    /// Reads a recorded one; nil for another event.
    init?(_ recorded: TrailRecordedEvent) {
        guard recorded.event.eventName == Self.name,
            let details = try? JSONDecoder().decode(
                Details.self, from: Data(recorded.event.serviceEventDetailsJson.utf8)),
            let bytes = Data(base64Encoded: details.signedCheckpoint),
            let signed = try? TrailSignedCheckpoint(serializedBytes: bytes)
        else { return nil }
        self.init(
            region: details.region, signed: signed,
            checkpoint: (try? TrailCheckpoint(serializedBytes: signed.checkpoint)) ?? .init(),
            objection: Objection(rawValue: recorded.event.errorCode),
            explanation: recorded.event.errorMessage, sequence: recorded.sequence,
            timeMicroseconds: recorded.eventTimeUs)
    }
}
