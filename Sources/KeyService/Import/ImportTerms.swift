import Contracts
import RPC

/// How long imported material is to last, and whether it is known already.
struct ImportTerms {
    static let validMicrosecondsMax: Int64 = 365 * 86_400_000_000
    static let descriptionCharactersMax = 256

    let expirationModel: KeysExpirationModel
    /// 0 unless it expires.
    let validToMicroseconds: Int64

    /// - Throws: ValidationException.
    init(_ request: KeysImportKeyMaterialRequest, now: Int64) throws {
        expirationModel =
            request.expirationModel == .unspecified
            ? .keyMaterialExpires : request.expirationModel
        validToMicroseconds = request.validToUs
        switch expirationModel {
        case .keyMaterialExpires:
            guard validToMicroseconds > now,
                validToMicroseconds <= now + Self.validMicrosecondsMax
            else {
                throw RPCError.validation(
                    "Material that expires needs ValidTo, within the next 365 days.")
            }
        default:
            guard validToMicroseconds == 0 else {
                throw RPCError.validation("Material that does not expire has no ValidTo.")
            }
        }
        let description = request.keyMaterialDescription
        guard description.unicodeScalars.count <= Self.descriptionCharactersMax else {
            throw RPCError.validation(
                "A description has at most \(Self.descriptionCharactersMax) characters.")
        }
    }

    /// Checks what the request says about the material against what the key knows.
    ///
    /// - Throws: IncorrectKeyMaterialException, UnsupportedOperationException,
    ///   KMSInvalidStateException.
    static func check(
        _ request: KeysImportKeyMaterialRequest, materialID: [UInt8], _ key: ActiveKey
    ) throws {
        let known = key.stored.materials.first
        guard request.keyMaterialID.isEmpty || request.keyMaterialID == KeyMaterial.name(materialID)
        else {
            throw RPCError.invalidImport(
                "IncorrectKeyMaterialException", "The material is not the one of KeyMaterialId.")
        }
        switch request.importType {
        case .newKeyMaterial where known != nil:
            throw RPCError.unsupported(
                "\(key.arn) has its material for good; imported material is not rotated here.")
        case .existingKeyMaterial where known == nil:
            throw RPCError.invalidState(key.arn, "never had material")
        default: break
        }
        guard known.map({ $0.id == materialID }) ?? true else {
            throw RPCError.invalidImport(
                "IncorrectKeyMaterialException",
                "The material is not the one that was first imported into this key.")
        }
    }
}
