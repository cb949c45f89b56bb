import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var importOperations: [JSONOperation] {
        [
            JSONOperation("GetParametersForImport", .change, getParametersForImport),
            JSONOperation("ImportKeyMaterial", .change, importKeyMaterial),
            JSONOperation("DeleteImportedKeyMaterial", .change, deleteImportedKeyMaterial),
        ]
    }

    struct ParametersForImportInput: Decodable, Sendable {
        let keyId: String
        let wrappingAlgorithm: String
        let wrappingKeySpec: String
    }

    struct ParametersForImportOutput: Encodable, Sendable {
        let keyId: String
        let importToken: Data
        let publicKey: Data
        let parametersValidTo: Date
    }

    private func getParametersForImport(
        _ input: ParametersForImportInput, _ call: AWSCall
    ) async throws -> ParametersForImportOutput {
        let algorithm = try KMSNames.wrappingAlgorithm.value(input.wrappingAlgorithm)
        let spec = try KMSNames.keySpec.value(input.wrappingKeySpec)
        let answer = try await keys.management.getParametersForImport(
            .with {
                $0.keyID = input.keyId
                $0.wrappingAlgorithm = algorithm
                $0.wrappingKeySpec = spec
            }, options: keys.options(call))
        return ParametersForImportOutput(
            keyId: answer.keyID, importToken: answer.importToken, publicKey: answer.publicKey,
            parametersValidTo: Date(microseconds: answer.validToUs))
    }

    struct ImportKeyMaterialInput: Decodable, Sendable {
        let keyId: String
        let importToken: Data
        let encryptedKeyMaterial: Data
        let validTo: Date?
        let expirationModel: String?
        let importType: String?
        let keyMaterialDescription: String?
        let keyMaterialId: String?
    }

    struct KeyMaterialOutput: Encodable, Sendable {
        let keyId: String
        let keyMaterialId: String?

        init(_ keyID: String, _ materialID: String) {
            keyId = keyID
            keyMaterialId = materialID.isEmpty ? nil : materialID
        }
    }

    private func importKeyMaterial(
        _ input: ImportKeyMaterialInput, _ call: AWSCall
    ) async throws -> KeyMaterialOutput {
        let model = try KMSNames.expirationModel.value(
            input.expirationModel, default: .keyMaterialExpires)
        let type = try KMSNames.importType.value(input.importType, default: .unspecified)
        let answer = try await keys.management.importKeyMaterial(
            .with {
                $0.keyID = input.keyId
                $0.importToken = input.importToken
                $0.encryptedKeyMaterial = input.encryptedKeyMaterial
                $0.expirationModel = model
                $0.validToUs = input.validTo?.microseconds ?? 0
                $0.importType = type
                $0.keyMaterialDescription = input.keyMaterialDescription ?? ""
                $0.keyMaterialID = input.keyMaterialId ?? ""
            }, options: keys.options(call))
        return KeyMaterialOutput(answer.keyID, answer.keyMaterialID)
    }

    struct DeleteImportedKeyMaterialInput: Decodable, Sendable {
        let keyId: String
        let keyMaterialId: String?
    }

    private func deleteImportedKeyMaterial(
        _ input: DeleteImportedKeyMaterialInput, _ call: AWSCall
    ) async throws -> KeyMaterialOutput {
        let answer = try await keys.management.deleteImportedKeyMaterial(
            .with {
                $0.keyID = input.keyId
                $0.keyMaterialID = input.keyMaterialId ?? ""
            }, options: keys.options(call))
        return KeyMaterialOutput(answer.keyID, answer.keyMaterialID)
    }
}
