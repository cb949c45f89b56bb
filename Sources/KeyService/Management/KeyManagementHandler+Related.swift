import AccessPolicy
import Contracts
import RPC

extension KeyManagementHandler {
    func getRelatedKeys(
        _ request: KeysGetRelatedKeysRequest, context: ServerContext
    ) async throws -> KeysGetRelatedKeysResponse {
        let caller = try caller(context)
        let key = try ring.key(request.keyID, .related)
        return try meter.metered("DescribeKey", key, caller) {
            try authorizer.authorize(caller, "kms:DescribeKey", on: key)
            guard key.stored.isMultiRegion else { return KeysGetRelatedKeysResponse() }
            let known = replicator.synchronizer.related.entries(key.stored.keyID)
            let regions = Set(key.stored.replicaRegions + [key.stored.primaryRegion])
                .subtracting([configuration.region])
            var response = KeysGetRelatedKeysResponse()
            response.relatedKeys = regions.sorted().map { region in
                related(key, region, known[region])
            }
            return response
        }
    }

    private func related(
        _ key: ActiveKey, _ region: String, _ entry: RelatedKeyBook.Entry?
    ) -> KeysGetRelatedKeysResponse.RelatedKey {
        var related = KeysGetRelatedKeysResponse.RelatedKey()
        related.arn = configuration.arn(keyID: key.stored.keyID, region: region)
        related.region = region
        related.primary = region == key.stored.primaryRegion
        guard let entry else { return related }
        related.keyState = entry.state
        related.heardOfAtUs = entry.heardAtMicroseconds
        // A policy that does not parse here was accepted by a newer version there.
        guard let policy = try? PolicyDocument(json: entry.policy) else {
            related.policyDifferences = ["The policy of \(region) cannot be read here."]
            return related
        }
        related.policyDifferences = PolicyDifference(from: key.policy, to: policy).lines
        return related
    }
}
