import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var grantOperations: [JSONOperation] {
        [
            JSONOperation("CreateGrant", .change, createGrant),
            JSONOperation("ListGrants", .use, listGrants),
            JSONOperation("ListRetirableGrants", .use, listRetirableGrants),
            JSONOperation("RevokeGrant", .change) { (input: GrantInput, call) in
                guard let key = input.keyId else { throw AWSError.missing("keyId") }
                guard let grant = input.grantId else { throw AWSError.missing("grantId") }
                _ = try await keys.management.revokeGrant(
                    .with {
                        $0.keyID = key
                        $0.grantID = grant
                        $0.dryRun = input.dryRun ?? false
                    }, options: keys.options(call))
                return NoOutput()
            },
            JSONOperation("RetireGrant", .change) { (input: GrantInput, call) in
                _ = try await keys.management.retireGrant(
                    .with {
                        $0.keyID = input.keyId ?? ""
                        $0.grantID = input.grantId ?? ""
                        $0.grantToken = input.grantToken ?? ""
                        $0.dryRun = input.dryRun ?? false
                    }, options: keys.options(call))
                return NoOutput()
            },
        ]
    }

    struct Constraints: Codable, Sendable {
        let encryptionContextSubset: [String: String]?
        let encryptionContextEquals: [String: String]?

        init(_ constraints: KeysGrantConstraints) {
            let (subset, equals) = (
                constraints.encryptionContextSubset, constraints.encryptionContextEquals
            )
            encryptionContextSubset = subset.isEmpty ? nil : subset
            encryptionContextEquals = equals.isEmpty ? nil : equals
        }
    }

    struct GrantInput: Decodable, Sendable {
        let keyId: String?
        let grantId: String?
        let grantToken: String?
        let dryRun: Bool?
    }

    struct CreateGrantInput: Decodable, Sendable {
        let keyId: String
        let granteePrincipal: String
        let retiringPrincipal: String?
        let operations: [String]
        let constraints: Constraints?
        let grantTokens: [String]?
        let name: String?
        let dryRun: Bool?
    }

    struct CreateGrantOutput: Encodable, Sendable {
        let grantToken: String
        let grantId: String
    }

    private func createGrant(
        _ input: CreateGrantInput, _ call: AWSCall
    ) async throws -> CreateGrantOutput {
        let answer = try await keys.management.createGrant(
            .with {
                $0.keyID = input.keyId
                $0.granteePrincipal = input.granteePrincipal
                $0.retiringPrincipal = input.retiringPrincipal ?? ""
                $0.operations = input.operations
                $0.name = input.name ?? ""
                $0.grantTokens = input.grantTokens ?? []
                $0.dryRun = input.dryRun ?? false
                if let constraints = input.constraints {
                    $0.constraints.encryptionContextSubset =
                        constraints.encryptionContextSubset ?? [:]
                    $0.constraints.encryptionContextEquals =
                        constraints.encryptionContextEquals ?? [:]
                }
            }, options: keys.options(call))
        return CreateGrantOutput(grantToken: answer.grantToken, grantId: answer.grantID)
    }

    struct ListGrantsInput: Decodable, Sendable, TrailDescribed {
        let keyId: String
        let grantId: String?
        let granteePrincipal: String?
        let limit: Int?
        let marker: String?

        var trailParameters: [String: any Sendable] { ["keyId": keyId] }
    }

    struct ListGrantsOutput: Encodable, Sendable {
        let grants: [Entry]
        let nextMarker: String?
        let truncated: Bool

        struct Entry: Encodable, Sendable {
            let keyId: String
            let grantId: String
            let name: String?
            let creationDate: Date
            let granteePrincipal: String
            let retiringPrincipal: String?
            let issuingAccount: String
            let operations: [String]
            let constraints: Constraints?

            init(_ grant: KeysListGrantsResponse.Grant) {
                keyId = grant.keyID
                grantId = grant.grantID
                name = grant.name.isEmpty ? nil : grant.name
                creationDate = Date(microseconds: grant.createdAtUs)
                granteePrincipal = grant.granteePrincipal
                retiringPrincipal = grant.retiringPrincipal.isEmpty ? nil : grant.retiringPrincipal
                issuingAccount = grant.issuingAccount
                operations = grant.operations
                constraints = grant.hasConstraints ? Constraints(grant.constraints) : nil
            }
        }

        init(_ answer: KeysListGrantsResponse) {
            grants = answer.grants.map(Entry.init)
            nextMarker = KMSPaging.marker(answer.nextPageToken)
            truncated = !answer.nextPageToken.isEmpty
        }
    }

    private func listGrants(
        _ input: ListGrantsInput, _ call: AWSCall
    ) async throws -> ListGrantsOutput {
        let size = try KMSPaging.size(input.limit)
        let answer = try await keys.management.listGrants(
            .with {
                $0.keyID = input.keyId
                $0.grantID = input.grantId ?? ""
                $0.granteePrincipal = input.granteePrincipal ?? ""
                $0.pageSize = size
                $0.pageToken = input.marker ?? ""
            }, options: keys.options(call))
        return ListGrantsOutput(answer)
    }

    struct ListRetirableGrantsInput: Decodable, Sendable {
        let retiringPrincipal: String
        let limit: Int?
        let marker: String?
    }

    private func listRetirableGrants(
        _ input: ListRetirableGrantsInput, _ call: AWSCall
    ) async throws -> ListGrantsOutput {
        let size = try KMSPaging.size(input.limit)
        let answer = try await keys.management.listRetirableGrants(
            .with {
                $0.retiringPrincipal = input.retiringPrincipal
                $0.pageSize = size
                $0.pageToken = input.marker ?? ""
            }, options: keys.options(call))
        return ListGrantsOutput(answer)
    }
}
