import AccessPolicy
import Contracts
import Cryptography
import Foundation
import RPC

extension KeyManagementHandler {
    func getParametersForImport(
        _ request: KeysGetParametersForImportRequest, context: ServerContext
    ) async throws -> KeysGetParametersForImportResponse {
        let caller = try caller(context)
        let key = try ring.key(request.keyID, .exact, allowsAlias: false)
        let algorithm = request.wrappingAlgorithm
        return try meter.metered("GetParametersForImport", key, caller) {
            try authorizer.authorize(
                caller, "kms:GetParametersForImport", on: key,
                keys: [
                    "kms:wrappingalgorithm": [algorithm.kmsName],
                    "kms:wrappingkeyspec": [request.wrappingKeySpec.kmsName],
                ])
            guard algorithm.parts != nil,
                case .rsa(let bits) = request.wrappingKeySpec.asymmetricKind
            else {
                throw RPCError.validation(
                    "Material is wrapped by RSA of 2048, 3072 or 4096 bits, with an algorithm.")
            }
            try administration.rules.require(algorithm.kmsName)
            try key.requireImportable()
            do {
                let token = try ImportToken(algorithm, bits: bits, now: administration.now())
                var response = KeysGetParametersForImportResponse()
                response.keyID = key.arn
                response.importToken = try token.sealed(
                    keyID: key.stored.keyID, rootKey: administration.rootKey)
                response.publicKey = Data(token.wrappingKey.spki)
                response.validToUs = token.expiresAtMicroseconds
                return response
            } catch {
                throw error as? RPCError ?? .keysInternal(error)
            }
        }
    }

    func importKeyMaterial(
        _ request: KeysImportKeyMaterialRequest, context: ServerContext
    ) async throws -> KeysImportKeyMaterialResponse {
        let model =
            request.expirationModel == .unspecified
            ? KeysExpirationModel.keyMaterialExpires : request.expirationModel
        let key = try await change(
            "ImportKeyMaterial", request.keyID, context,
            request: ["expirationModel": model.kmsName, "validToUs": request.validToUs],
            keys: [
                "kms:expirationmodel": [model.kmsName],
                "kms:validto": [String(request.validToUs / 1_000_000)],
            ]
        ) { key in
            try key.requireImportable()
            let terms = try ImportTerms(request, now: administration.now())
            return try imported(request, terms, key)
        }
        var response = KeysImportKeyMaterialResponse()
        response.keyID = key.arn
        response.keyMaterialID = key.stored.materials.first.map { KeyMaterial.name($0.id) } ?? ""
        return response
    }

    func deleteImportedKeyMaterial(
        _ request: KeysDeleteImportedKeyMaterialRequest, context: ServerContext
    ) async throws -> KeysDeleteImportedKeyMaterialResponse {
        let key = try await change(
            "DeleteImportedKeyMaterial", request.keyID, context
        ) { key in
            try key.requireImported()
            if !request.keyMaterialID.isEmpty,
                key.stored.materials.first.map({ KeyMaterial.name($0.id) }) != request.keyMaterialID
            {
                throw RPCError.validation("\(key.arn) has no material of this ID.")
            }
            return key.stored.withoutMaterial()
        }
        var response = KeysDeleteImportedKeyMaterialResponse()
        response.keyID = key.arn
        response.keyMaterialID = key.stored.materials.first.map { KeyMaterial.name($0.id) } ?? ""
        return response
    }

    private func imported(
        _ request: KeysImportKeyMaterialRequest, _ terms: ImportTerms, _ key: ActiveKey
    ) throws -> StoredKey {
        let token = try ImportToken(
            request.importToken, keyID: key.stored.keyID, rootKey: administration.rootKey)
        guard token.expiresAtMicroseconds > administration.now() else {
            throw RPCError.invalidImport(
                "ExpiredImportTokenException",
                "The import token has expired; call GetParametersForImport again.")
        }
        try administration.rules.require(token.algorithm.kmsName)
        guard (1...6144).contains(request.encryptedKeyMaterial.count) else {
            throw RPCError.validation("Wrapped material has 1 to 6144 bytes.")
        }
        let secret = try token.unwrap(request.encryptedKeyMaterial)
        guard let material = KeyMaterial.canonical(secret, key.stored.spec) else {
            throw RPCError.invalidImport(
                "IncorrectKeyMaterialException",
                "The material does not fit a key of \(key.stored.spec.kmsName).")
        }
        do {
            var stored = try KeyMaterial.stored(
                material, keyID: key.stored.keyID, rootKey: administration.rootKey)
            try ImportTerms.check(request, materialID: stored.id, key)
            stored.expirationModel = terms.expirationModel
            stored.validToMicroseconds = terms.validToMicroseconds
            stored.description =
                request.keyMaterialDescription.isEmpty
                ? key.stored.materials.first?.description ?? "" : request.keyMaterialDescription
            return key.stored.with { changed in
                changed.materials = [stored]
                if changed.state == .pendingImport { changed.state = .enabled }
            }
        } catch {
            throw error as? RPCError ?? .keysInternal(error)
        }
    }
}

extension StoredKey {
    /// The key after its imported material was deleted or has expired: its ID stays known.
    func withoutMaterial() -> StoredKey {
        with { key in
            for index in key.materials.indices {
                key.materials[index].wrapped = []
                key.materials[index].expirationModel = .unspecified
                key.materials[index].validToMicroseconds = 0
            }
            switch key.state {
            case .pendingDeletion, .pendingReplicaDeletion: break
            default: key.state = .pendingImport
            }
        }
    }

    /// Whether imported material is at its end.
    func hasExpiredMaterial(_ now: Int64) -> Bool {
        materials.contains {
            $0.isPresent && $0.expirationModel == .keyMaterialExpires
                && $0.validToMicroseconds <= now
        }
    }
}

extension ActiveKey {
    /// For DeleteImportedKeyMaterial.
    func requireImported() throws {
        guard stored.isImported else {
            throw RPCError.unsupported("The material of \(arn) was made here, not imported.")
        }
    }

    /// For GetParametersForImport and ImportKeyMaterial.
    func requireImportable() throws {
        try requireImported()
        switch stored.state {
        case .pendingDeletion, .pendingReplicaDeletion, .creating, .updating, .unavailable:
            throw RPCError.invalidState(arn, "takes no material in its state")
        default: return
        }
    }
}
