import Contracts
import RPC

extension KeyManagementHandler {
    func getParametersForImport(
        _ request: KeysGetParametersForImportRequest, context: ServerContext
    ) async throws -> KeysGetParametersForImportResponse {
        throw RPCError.unsupported("Import of key material is not possible here.")
    }

    func importKeyMaterial(
        _ request: KeysImportKeyMaterialRequest, context: ServerContext
    ) async throws -> KeysImportKeyMaterialResponse {
        throw RPCError.unsupported("Import of key material is not possible here.")
    }

    func deleteImportedKeyMaterial(
        _ request: KeysDeleteImportedKeyMaterialRequest, context: ServerContext
    ) async throws -> KeysDeleteImportedKeyMaterialResponse {
        throw RPCError.unsupported("Import of key material is not possible here.")
    }
}
