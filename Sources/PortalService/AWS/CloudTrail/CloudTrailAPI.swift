import AccessPolicy
import Contracts
import Foundation
import HTTPTypes
import RPC
import ServiceKit
import SwiftProtobuf

/// CloudTrail's LookupEvents over the trail of this Region.
struct CloudTrailAPI: Sendable {
    static let bodyBytesMax = 64 << 10

    let trail: TrailClient
    let authorizer: IdentityAuthorizer

    var service: JSONService {
        JSONService(
            targetPrefix: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
            signingName: "cloudtrail", eventSource: "cloudtrail.amazonaws.com",
            bodyBytesMax: Self.bodyBytesMax, failure: Self.exception,
            operations: [JSONOperation("LookupEvents", .use, lookupEvents)])
    }

    struct LookupEventsInput: Decodable, Sendable, TrailDescribed {
        let lookupAttributes: [Attribute]?
        let startTime: Date?
        let endTime: Date?
        let eventCategory: String?
        let maxResults: Int?
        let nextToken: String?

        struct Attribute: Decodable, Sendable {
            let attributeKey: String
            let attributeValue: String
        }

        var trailParameters: [String: any Sendable] {
            guard let attribute = lookupAttributes?.first else { return [:] }
            return [
                "attributeKey": attribute.attributeKey,
                "attributeValue": attribute.attributeValue,
            ]
        }
    }

    struct LookupEventsOutput: Encodable, Sendable {
        let events: [Event]
        let nextToken: String?
    }

    struct Event: Encodable, Sendable {
        let eventId: String
        let eventName: String
        let readOnly: String
        let accessKeyId: String?
        let eventTime: Date
        let eventSource: String
        let username: String?
        let resources: [Resource]
        /// The record itself.
        let cloudTrailEvent: String

        struct Resource: Encodable, Sendable {
            let resourceType: String
            let resourceName: String
        }

        init(_ recorded: TrailRecordedEvent) {
            let event = recorded.event
            eventId = recorded.eventID
            eventName = event.eventName
            readOnly = event.readOnly ? "true" : "false"
            accessKeyId = event.actor.accessKeyID.isEmpty ? nil : event.actor.accessKeyID
            eventTime = Date(microseconds: recorded.eventTimeUs)
            eventSource = event.eventSource
            username = event.actor.userName.isEmpty ? nil : event.actor.userName
            resources = event.resources.map {
                Resource(resourceType: $0.type, resourceName: $0.arn)
            }
            cloudTrailEvent = recorded.cloudtrailJson
        }
    }

    private func lookupEvents(
        _ input: LookupEventsInput, _ call: AWSCall
    ) async throws -> LookupEventsOutput {
        try authorizer.require("cloudtrail:LookupEvents", on: ["*"], call)
        let attributes = input.lookupAttributes ?? []
        guard attributes.count <= 1 else {
            throw AWSError("InvalidLookupAttributesException", "Only one attribute can be given.")
        }
        guard input.eventCategory == nil else {
            throw AWSError("InvalidEventCategoryException", "There are management events only.")
        }
        let size = input.maxResults ?? 50
        guard (1...50).contains(size) else {
            throw AWSError("InvalidMaxResultsException", "MaxResults is 1 to 50.")
        }
        let answer = try await trail.lookUp(
            .with {
                $0.attributeName = attributes.first?.attributeKey ?? ""
                $0.attributeValue = attributes.first?.attributeValue ?? ""
                $0.startTimeUs = input.startTime?.microseconds ?? 0
                $0.endTimeUs = input.endTime?.microseconds ?? 0
                $0.pageSize = UInt32(size)
                $0.pageToken = input.nextToken ?? ""
            },
            options: CallOptions(
                timeout: .seconds(10), metadata: CallActor.metadata(call.actor)))
        return LookupEventsOutput(
            events: answer.events.map(Event.init),
            nextToken: answer.nextPageToken.isEmpty ? nil : answer.nextPageToken)
    }

    private static func exception(_ error: RPCError) -> AWSError {
        if error.reason.hasSuffix("Exception") { return AWSError(error.reason, error.message) }
        if error.code == .unavailable || error.code == .deadlineExceeded {
            return AWSError(
                "ServiceUnavailable", "The trail of this Region does not answer. Try again.",
                status: .serviceUnavailable)
        }
        return AWSError(
            "InternalFailure", "The request failed inside this Region. Try again.",
            status: .internalServerError)
    }
}
