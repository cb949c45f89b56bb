import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var stateOperations: [JSONOperation] {
        [
            JSONOperation("EnableKey", .change) { (input: KMSKeyInput, call) in
                _ = try await keys.management.enableKey(
                    .with { $0.keyID = input.keyId }, options: keys.options(call))
                return NoOutput()
            },
            JSONOperation("DisableKey", .change) { (input: KMSKeyInput, call) in
                _ = try await keys.management.disableKey(
                    .with { $0.keyID = input.keyId }, options: keys.options(call))
                return NoOutput()
            },
            JSONOperation("ScheduleKeyDeletion", .change, scheduleKeyDeletion),
            JSONOperation("CancelKeyDeletion", .change) { (input: KMSKeyInput, call) in
                let answer = try await keys.management.cancelKeyDeletion(
                    .with { $0.keyID = input.keyId }, options: keys.options(call))
                return KMSKeyOutput(keyId: answer.keyMetadata.arn)
            },
        ]
    }

    struct ScheduleKeyDeletionInput: Decodable, Sendable {
        let keyId: String
        let pendingWindowInDays: Int?
    }

    struct ScheduleKeyDeletionOutput: Encodable, Sendable {
        let keyId: String
        let deletionDate: Date?
        let keyState: String?
        let pendingWindowInDays: Int
    }

    private func scheduleKeyDeletion(
        _ input: ScheduleKeyDeletionInput, _ call: AWSCall
    ) async throws -> ScheduleKeyDeletionOutput {
        let days = input.pendingWindowInDays ?? 30
        guard (7...30).contains(days) else {
            throw AWSError.validation("PendingWindowInDays is 7 to 30.")
        }
        let answer = try await keys.management.scheduleKeyDeletion(
            .with {
                $0.keyID = input.keyId
                $0.pendingWindowDays = UInt32(days)
            }, options: keys.options(call)
        ).keyMetadata
        return ScheduleKeyDeletionOutput(
            keyId: answer.arn, deletionDate: Date(optionalMicroseconds: answer.deletionAtUs),
            keyState: KMSNames.keyState.name(answer.keyState), pendingWindowInDays: days)
    }
}
