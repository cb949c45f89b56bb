import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var rotationOperations: [JSONOperation] {
        [
            JSONOperation("EnableKeyRotation", .change, enableKeyRotation),
            JSONOperation("DisableKeyRotation", .change) { (input: KMSKeyInput, call) in
                _ = try await keys.management.disableKeyRotation(
                    .with { $0.keyID = input.keyId }, options: keys.options(call))
                return NoOutput()
            },
            JSONOperation("GetKeyRotationStatus", .use, getKeyRotationStatus),
            JSONOperation("RotateKeyOnDemand", .change) { (input: KMSKeyInput, call) in
                let answer = try await keys.management.rotateKeyOnDemand(
                    .with { $0.keyID = input.keyId }, options: keys.options(call))
                return KMSKeyOutput(keyId: answer.keyID)
            },
            JSONOperation("ListKeyRotations", .use, listKeyRotations),
        ]
    }

    struct EnableKeyRotationInput: Decodable, Sendable {
        let keyId: String
        let rotationPeriodInDays: Int?
    }

    private func enableKeyRotation(
        _ input: EnableKeyRotationInput, _ call: AWSCall
    ) async throws -> NoOutput {
        let days = input.rotationPeriodInDays ?? 365
        guard (90...2_560).contains(days) else {
            throw AWSError.validation("RotationPeriodInDays is 90 to 2560.")
        }
        _ = try await keys.management.enableKeyRotation(
            .with {
                $0.keyID = input.keyId
                $0.rotationPeriodDays = UInt32(days)
            }, options: keys.options(call))
        return NoOutput()
    }

    struct KeyRotationStatusOutput: Encodable, Sendable, ResourceNaming {
        let keyId: String
        let keyRotationEnabled: Bool
        let rotationPeriodInDays: UInt32?
        let nextRotationDate: Date?
        let onDemandRotationStartDate: Date?

        var resourceARN: String { keyId }
    }

    private func getKeyRotationStatus(
        _ input: KMSKeyInput, _ call: AWSCall
    ) async throws -> KeyRotationStatusOutput {
        let answer = try await keys.management.getKeyRotationStatus(
            .with { $0.keyID = input.keyId }, options: keys.options(call))
        let isOn = answer.rotationEnabled
        return KeyRotationStatusOutput(
            keyId: answer.keyID, keyRotationEnabled: isOn,
            rotationPeriodInDays: isOn ? answer.rotationPeriodDays : nil,
            nextRotationDate: isOn ? Date(optionalMicroseconds: answer.nextRotationAtUs) : nil,
            onDemandRotationStartDate: Date(
                optionalMicroseconds: answer.onDemandRotationStartedAtUs))
    }

    struct ListKeyRotationsInput: Decodable, Sendable, TrailDescribed {
        let keyId: String
        let includeKeyMaterial: String?
        let limit: Int?
        let marker: String?

        var trailParameters: [String: any Sendable] { ["keyId": keyId] }
    }

    struct ListKeyRotationsOutput: Encodable, Sendable {
        let rotations: [Entry]
        let nextMarker: String?
        let truncated: Bool

        struct Entry: Encodable, Sendable {
            let keyId: String
            let keyMaterialId: String?
            let keyMaterialDescription: String?
            let importState: String?
            let keyMaterialState: String
            let expirationModel: String?
            let validTo: Date?
            let rotationDate: Date?
            let rotationType: String?

            init(_ rotation: KeysListKeyRotationsResponse.Rotation) {
                keyId = rotation.keyID
                keyMaterialId = rotation.keyMaterialID.isEmpty ? nil : rotation.keyMaterialID
                let isExternal = rotation.expirationModel != .unspecified || rotation.imported
                keyMaterialDescription =
                    rotation.keyMaterialDescription.isEmpty
                    ? nil : rotation.keyMaterialDescription
                importState =
                    isExternal ? (rotation.imported ? "IMPORTED" : "PENDING_IMPORT") : nil
                keyMaterialState =
                    rotation.pending
                    ? "PENDING_ROTATION" : rotation.current ? "CURRENT" : "NON_CURRENT"
                expirationModel = KMSNames.expirationModel.name(rotation.expirationModel)
                validTo = Date(optionalMicroseconds: rotation.validToUs)
                rotationDate = Date(optionalMicroseconds: rotation.rotatedAtUs)
                rotationType = KMSNames.rotationType.name(rotation.rotationType)
            }
        }
    }

    private func listKeyRotations(
        _ input: ListKeyRotationsInput, _ call: AWSCall
    ) async throws -> ListKeyRotationsOutput {
        let size = try KMSPaging.size(input.limit)
        let includes = try KMSNames.includeKeyMaterial.value(
            input.includeKeyMaterial, default: false)
        let answer = try await keys.management.listKeyRotations(
            .with {
                $0.keyID = input.keyId
                $0.includeKeyMaterial = includes
                $0.pageSize = size
                $0.pageToken = input.marker ?? ""
            }, options: keys.options(call))
        return ListKeyRotationsOutput(
            rotations: answer.rotations.map(ListKeyRotationsOutput.Entry.init),
            nextMarker: KMSPaging.marker(answer.nextPageToken),
            truncated: !answer.nextPageToken.isEmpty)
    }
}
