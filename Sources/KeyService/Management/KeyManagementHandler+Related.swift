import Contracts
import RPC

extension KeyManagementHandler {
    func getRelatedKeys(
        _ request: KeysGetRelatedKeysRequest, context: ServerContext
    ) async throws -> KeysGetRelatedKeysResponse {
        try read("DescribeKey", request.keyID, context) { key in
            throw RPCError.unsupported("What \(key.arn) is like elsewhere is not known here.")
        }
    }
}
