import AccessPolicy
import Contracts
import RPC

extension KeyManagementHandler {
    func tagResource(
        _ request: KeysTagResourceRequest, context: ServerContext
    ) async throws -> KeysTagResourceResponse {
        var keys: PolicyContext.Layer = ["aws:tagkeys": request.tags.map(\.key)]
        for tag in request.tags { keys["aws:requesttag/\(tag.key.lowercased())"] = [tag.value] }
        _ = try await change(
            "TagResource", request.keyID, context, request: ["tags": Self.described(request.tags)],
            keys: keys
        ) { key in
            try key.requireCustomerManaged("TagResource")
            try key.requireNotPendingDeletion()
            let tags = key.stored.tags.merging(try KeyTags.checked(request.tags)) { $1 }
            guard tags.count <= KeyTags.countMax else {
                throw RPCError.limitExceeded("A key has at most \(KeyTags.countMax) tags.")
            }
            return key.stored.with { $0.tags = tags }
        }
        return KeysTagResourceResponse()
    }

    func untagResource(
        _ request: KeysUntagResourceRequest, context: ServerContext
    ) async throws -> KeysUntagResourceResponse {
        _ = try await change(
            "UntagResource", request.keyID, context,
            request: ["tagKeys": request.tagKeys.joined(separator: ",")],
            keys: ["aws:tagkeys": request.tagKeys]
        ) { key in
            try key.requireCustomerManaged("UntagResource")
            try key.requireNotPendingDeletion()
            try request.tagKeys.forEach(KeyTags.check)
            return key.stored.with { stored in
                for name in request.tagKeys { stored.tags[name] = nil }
            }
        }
        return KeysUntagResourceResponse()
    }

    func listResourceTags(
        _ request: KeysListResourceTagsRequest, context: ServerContext
    ) async throws -> KeysListResourceTagsResponse {
        try read("ListResourceTags", request.keyID, context) { key in
            let page = try Page(
                Array(key.stored.tags), size: request.pageSize, token: request.pageToken
            ) { $0.key }
            var response = KeysListResourceTagsResponse()
            response.tags = page.items.map { name, value in
                var tag = KeysTag()
                tag.key = name
                tag.value = value
                return tag
            }
            response.nextPageToken = page.nextToken
            return response
        }
    }

    func updateKeyDescription(
        _ request: KeysUpdateKeyDescriptionRequest, context: ServerContext
    ) async throws -> KeysUpdateKeyDescriptionResponse {
        _ = try await change(
            "UpdateKeyDescription", request.keyID, context,
            request: ["description": request.description_p]
        ) { key in
            guard request.description_p.utf8.count <= Self.descriptionByteCountMax else {
                throw RPCError.validation(
                    "A description has at most \(Self.descriptionByteCountMax) bytes.")
            }
            try key.requireCustomerManaged("UpdateKeyDescription")
            try key.requireNotPendingDeletion()
            return key.stored.with { $0.description = request.description_p }
        }
        return KeysUpdateKeyDescriptionResponse()
    }

    func listKeyPolicies(
        _ request: KeysListKeyPoliciesRequest, context: ServerContext
    ) async throws -> KeysListKeyPoliciesResponse {
        try read("ListKeyPolicies", request.keyID, context) { _ in
            var response = KeysListKeyPoliciesResponse()
            response.policyNames = ["default"]
            return response
        }
    }

    private static func described(_ tags: [KeysTag]) -> String {
        tags.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    }
}
