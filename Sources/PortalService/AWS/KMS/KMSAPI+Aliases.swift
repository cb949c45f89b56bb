import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var aliasOperations: [JSONOperation] {
        [
            JSONOperation("CreateAlias", .change) { (input: AliasInput, call) in
                _ = try await keys.management.createAlias(
                    .with {
                        $0.aliasName = input.aliasName
                        $0.targetKeyID = input.targetKeyId
                    }, options: keys.options(call))
                return NoOutput()
            },
            JSONOperation("UpdateAlias", .change) { (input: AliasInput, call) in
                _ = try await keys.management.updateAlias(
                    .with {
                        $0.aliasName = input.aliasName
                        $0.targetKeyID = input.targetKeyId
                    }, options: keys.options(call))
                return NoOutput()
            },
            JSONOperation("DeleteAlias", .change) { (input: DeleteAliasInput, call) in
                _ = try await keys.management.deleteAlias(
                    .with { $0.aliasName = input.aliasName }, options: keys.options(call))
                return NoOutput()
            },
            JSONOperation("ListAliases", .use, listAliases),
        ]
    }

    struct AliasInput: Decodable, Sendable {
        let aliasName: String
        let targetKeyId: String
    }

    struct DeleteAliasInput: Decodable, Sendable {
        let aliasName: String
    }

    struct ListAliasesInput: Decodable, Sendable, TrailDescribed {
        let keyId: String?
        let limit: Int?
        let marker: String?

        var trailParameters: [String: any Sendable] { keyId.map { ["keyId": $0] } ?? [:] }
    }

    struct ListAliasesOutput: Encodable, Sendable {
        let aliases: [Entry]
        let nextMarker: String?
        let truncated: Bool

        struct Entry: Encodable, Sendable {
            let aliasName: String
            let aliasArn: String
            let targetKeyId: String?
            let creationDate: Date?
            let lastUpdatedDate: Date?

            init(_ alias: KeysListAliasesResponse.Alias) {
                aliasName = alias.aliasName
                aliasArn = alias.aliasArn
                targetKeyId = alias.targetKeyID.isEmpty ? nil : alias.targetKeyID
                creationDate = Date(optionalMicroseconds: alias.createdAtUs)
                lastUpdatedDate = Date(optionalMicroseconds: alias.updatedAtUs)
            }
        }
    }

    private func listAliases(
        _ input: ListAliasesInput, _ call: AWSCall
    ) async throws -> ListAliasesOutput {
        let size = try KMSPaging.size(input.limit)
        let answer = try await keys.management.listAliases(
            .with {
                $0.keyID = input.keyId ?? ""
                $0.pageSize = size
                $0.pageToken = input.marker ?? ""
            }, options: keys.options(call))
        return ListAliasesOutput(
            aliases: answer.aliases.map(ListAliasesOutput.Entry.init),
            nextMarker: KMSPaging.marker(answer.nextPageToken),
            truncated: !answer.nextPageToken.isEmpty)
    }
}
