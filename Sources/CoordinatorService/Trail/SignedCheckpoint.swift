package import Contracts
import Foundation
import RPC
import ReplicationLog
package import ServiceKit
import SwiftProtobuf

/// Checkpoints of trails as they are signed and read.
package enum SignedCheckpoint {
    /// What the signature is for, beside other statements.
    static let kind = "portolan-trail-checkpoint/1"

    static func sign(
        _ checkpoint: TrailCheckpoint, _ signer: StatementSigner
    ) throws -> TrailSignedCheckpoint {
        let signed = try signer.sign(kind, try checkpoint.serializedData())
        return .with {
            $0.checkpoint = signed.statement
            $0.signature = signed.signature
            $0.certificates = signed.certificates
        }
    }

    /// What it says; nil unless the coordinator of the Region that it speaks of has signed it, with a
    /// certificate that was in force then.
    package static func read(
        _ signed: TrailSignedCheckpoint, of region: String, _ verifier: StatementVerifier
    ) async -> TrailCheckpoint? {
        guard let checkpoint = try? TrailCheckpoint(serializedBytes: signed.checkpoint),
            checkpoint.region == region
        else { return nil }
        let statement = SignedStatement(
            statement: signed.checkpoint, signature: signed.signature,
            certificates: signed.certificates)
        let time = Date(timeIntervalSince1970: Double(checkpoint.signedAtUs) / 1_000_000)
        let signer = await verifier.signer(of: statement, kind: kind, at: time)
        guard signer == .service(name: ServiceName.coordinator.rawValue, region: region) else {
            return nil
        }
        return checkpoint
    }
}
