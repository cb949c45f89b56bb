import Contracts
import RPC
import SwiftProtobuf

extension Coordinator {
    /// Asks all services of all Regions for new data keys, and to seal existing records with them.
    func rotateDataKeys(event: TrailEvent) async throws -> CoordinatorRotateDataKeysResponse {
        var updated = try requirePrimaryWithInstance()
        let position = try await changeInstance(events: [event]) { state in
            guard var instance = state.instance else { throw RPCError.noInstance(region) }
            guard instance.encryption.status != .updating else {
                throw RPCError(
                    .aborted, reason: "WORKFLOW_IN_PROGRESS",
                    message: "The KMS key is being changed, which replaces the data keys as well.")
            }
            instance.encryption.dataKeyGeneration += 1
            updated = instance
            return [try .put(instance)]
        }
        return .with {
            $0.instance = updated
            $0.position = position
        }
    }

    /// An encryption with what is only in answers: how far its data keys and records are.
    func described(_ encryption: CoordinatorEncryption) -> CoordinatorEncryption {
        let keys = dataKeys.progress(of: encryption.kmsKeyArn, in: sealedStreams)
        let resealing = dataKeys.resealing(
            before: encryption.dataKeyGeneration, in: sealedStreams)
        return .with {
            $0 = encryption
            $0.dataKeys = UInt32(clamping: keys.all)
            $0.dataKeysDone = UInt32(clamping: keys.done)
            if resealing.dataKeys > 0 { $0.resealing = resealing }
        }
    }
}
