import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var tagOperations: [JSONOperation] {
        [
            JSONOperation("TagResource", .change) { (input: TagResourceInput, call) in
                _ = try await keys.management.tagResource(
                    .with {
                        $0.keyID = input.keyId
                        $0.tags = input.tags.map(\.contract)
                    }, options: keys.options(call))
                return NoOutput()
            },
            JSONOperation("UntagResource", .change) { (input: UntagResourceInput, call) in
                _ = try await keys.management.untagResource(
                    .with {
                        $0.keyID = input.keyId
                        $0.tagKeys = input.tagKeys
                    }, options: keys.options(call))
                return NoOutput()
            },
            JSONOperation("ListResourceTags", .use, listResourceTags),
        ]
    }

    struct TagResourceInput: Decodable, Sendable {
        let keyId: String
        let tags: [KMSTag]
    }

    struct UntagResourceInput: Decodable, Sendable {
        let keyId: String
        let tagKeys: [String]
    }

    struct ListOfKeyInput: Decodable, Sendable, TrailDescribed {
        let keyId: String
        let limit: Int?
        let marker: String?

        var trailParameters: [String: any Sendable] { ["keyId": keyId] }
    }

    struct ListResourceTagsOutput: Encodable, Sendable {
        let tags: [KMSTag]
        let nextMarker: String?
        let truncated: Bool
    }

    private func listResourceTags(
        _ input: ListOfKeyInput, _ call: AWSCall
    ) async throws -> ListResourceTagsOutput {
        let size = try KMSPaging.size(input.limit)
        let answer = try await keys.management.listResourceTags(
            .with {
                $0.keyID = input.keyId
                $0.pageSize = size
                $0.pageToken = input.marker ?? ""
            }, options: keys.options(call))
        return ListResourceTagsOutput(
            tags: answer.tags.map(KMSTag.init), nextMarker: KMSPaging.marker(answer.nextPageToken),
            truncated: !answer.nextPageToken.isEmpty)
    }
}
