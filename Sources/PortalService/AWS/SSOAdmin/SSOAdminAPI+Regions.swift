import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension SSOAdminAPI {
    var regionOperations: [JSONOperation] {
        [
            JSONOperation("AddRegion", .change) { (input: RegionInput, call) in
                try admit(input.instanceArn, "sso:AddRegion", call)
                let answer = try await coordinator.addRegion(
                    .with { $0.region = input.regionName }, options: options(call))
                return StatusOutput(status: Self.name(answer.status))
            },
            JSONOperation("RemoveRegion", .change) { (input: RegionInput, call) in
                try admit(input.instanceArn, "sso:RemoveRegion", call)
                let answer = try await coordinator.removeRegion(
                    .with { $0.region = input.regionName }, options: options(call))
                return StatusOutput(status: Self.name(answer.status))
            },
            JSONOperation("DescribeRegion", .use) { (input: RegionInput, call) in
                try admit(input.instanceArn, "sso:DescribeRegion", call)
                let answer = try await coordinator.describeRegion(
                    .with { $0.region = input.regionName }, options: options(call))
                return RegionMetadata(answer.region)
            },
            JSONOperation("ListRegions", .use, listRegions),
        ]
    }

    struct RegionInput: Decodable, Sendable, TrailDescribed {
        let instanceArn: String
        let regionName: String

        var trailParameters: [String: any Sendable] {
            ["instanceArn": instanceArn, "regionName": regionName]
        }
    }

    struct StatusOutput: Encodable, Sendable {
        let status: String
    }

    struct RegionMetadata: Encodable, Sendable {
        let regionName: String
        let status: String
        let addedDate: Date
        let isPrimaryRegion: Bool

        init(_ region: CoordinatorRegion) {
            regionName = region.name
            status = SSOAdminAPI.name(region.status)
            addedDate = Date(microseconds: region.addedAtUs)
            isPrimaryRegion = region.primary
        }
    }

    struct ListRegionsOutput: Encodable, Sendable {
        let regions: [RegionMetadata]
        let nextToken: String?
    }

    private func listRegions(_ input: Input, _ call: AWSCall) async throws -> ListRegionsOutput {
        try admit(input.instanceArn, "sso:ListRegions", call)
        let all = try await coordinator.listRegions(.init(), options: options(call)).regions
        let page = try Self.page(all, input) { $0.name }
        return ListRegionsOutput(
            regions: page.items.map(RegionMetadata.init), nextToken: page.nextToken)
    }

    private func admit(_ arn: String, _ action: PolicyAction, _ call: AWSCall) throws {
        try admit(arn, action, [], call)
    }

    static func name(_ status: CoordinatorRegionStatus) -> String {
        switch status {
        case .adding: "ADDING"
        case .removing: "REMOVING"
        default: "ACTIVE"
        }
    }
}
