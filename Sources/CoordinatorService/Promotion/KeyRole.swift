import Contracts
import Logging
import RPC
import SwiftProtobuf

/// The primary role of the instance's multi-Region keys, which follows the primary Region. Replicas
/// work without it: what goes wrong here is reported and stops nothing.
struct KeyRole {
    typealias KeyMove = CoordinatorPromoteRegionResponse.KeyMove

    let coordinator: Coordinator

    /// From this Region to another one, in order.
    func hand(to region: String) async -> [KeyMove] {
        await forEachKey { keyID, client, options in
            _ = try await client.updatePrimaryRegion(
                .with {
                    $0.keyID = keyID
                    $0.primaryRegion = region
                }, options: options)
        }
    }

    /// To this Region, from one that cannot be reached.
    func assume() async -> [KeyMove] {
        await forEachKey { keyID, client, options in
            _ = try await client.assumePrimary(.with { $0.keyID = keyID }, options: options)
        }
    }

    private func forEachKey(
        _ move: (String, KeysKeyManagementClient, CallOptions) async throws -> Void
    ) async -> [KeyMove] {
        var moves: [KeyMove] = []
        for keyID in keyIDs {
            var result = KeyMove.with { $0.keyID = keyID }
            do {
                let client = try coordinator.keyManagement(in: coordinator.region)
                try await move(
                    keyID, client, CallOptions(timeout: coordinator.settings.timings.call))
                result.moved = true
            } catch {
                result.problem = (error as? RPCError)?.message ?? "no answer"
                coordinator.logger.warning(
                    "the primary role of a key did not move",
                    metadata: ["key": "\(keyID)", "problem": "\(result.problem)"])
            }
            moves.append(result)
        }
        return moves
    }

    private var keyIDs: [String] {
        guard let instance = coordinator.instance.instance else { return [] }
        let encryption = instance.encryption
        let own = encryption.multiRegion ? [KeyReference.keyID(encryption.kmsKeyArn)] : []
        return (own + [instance.signingKeyID]).filter { $0.hasPrefix("mrk-") }
    }
}
