import Contracts
import ServiceKit

/// Writes an event as one line of CloudTrail JSON, members in CloudTrail's order.
struct CloudTrailRecord {
    let event: TrailEvent
    let eventID: String
    let timeMicroseconds: Int64
    let region: String
    let accountID: String

    var json: String {
        var object = JSONObject(capacity: 1_024)
        object.add("eventVersion", "1.11")
        object.add("userIdentity") { add(event.actor, to: &$0) }
        object.add("eventTime", UTCTime.text(timeMicroseconds))
        object.add("eventSource", event.eventSource)
        object.add("eventName", event.eventName)
        object.add("awsRegion", region)
        object.add("sourceIPAddress", event.actor.sourceIpAddress)
        object.add("userAgent", event.actor.userAgent)
        if !event.errorCode.isEmpty {
            object.add("errorCode", event.errorCode)
            object.add("errorMessage", event.errorMessage)
        }
        object.add("requestParameters", json: event.requestParametersJson)
        object.add("responseElements", json: event.responseElementsJson)
        if !event.additionalEventDataJson.isEmpty {
            object.add("additionalEventData", json: event.additionalEventDataJson)
        }
        object.add("requestID", event.actor.requestID)
        object.add("eventID", eventID)
        object.add("readOnly", event.readOnly)
        if !event.resources.isEmpty {
            object.add("resources", objects: event.resources) { object, resource in
                object.add("accountId", accountID)
                object.add("type", resource.type)
                object.add("ARN", resource.arn)
            }
        }
        object.add("eventType", event.eventType.isEmpty ? "AwsApiCall" : event.eventType)
        object.add("managementEvent", true)
        object.add("recipientAccountId", accountID)
        if !event.serviceEventDetailsJson.isEmpty {
            object.add("serviceEventDetails", json: event.serviceEventDetailsJson)
        }
        object.add("eventCategory", "Management")
        return object.text
    }

    private func add(_ actor: TrailActor, to identity: inout JSONObject) {
        identity.add("type", actor.type.isEmpty ? "Unknown" : actor.type)
        if !actor.userName.isEmpty { identity.add("userName", actor.userName) }
        if !actor.principalID.isEmpty { identity.add("principalId", actor.principalID) }
        if !actor.arn.isEmpty { identity.add("arn", actor.arn) }
        identity.add("accountId", actor.accountID.isEmpty ? accountID : actor.accountID)
        if !actor.accessKeyID.isEmpty { identity.add("accessKeyId", actor.accessKeyID) }
        if !actor.sessionIssuerArn.isEmpty {
            identity.add("sessionContext") { addSession(of: actor, to: &$0) }
        }
        if !actor.onBehalfOfUserID.isEmpty {
            identity.add("onBehalfOf") { person in
                person.add("userId", actor.onBehalfOfUserID)
                person.add("identityStoreArn", actor.identityStoreArn)
            }
        }
        if !actor.credentialID.isEmpty { identity.add("credentialId", actor.credentialID) }
    }

    /// The role behind an assumed role's session, and when its credentials were issued.
    private func addSession(of actor: TrailActor, to context: inout JSONObject) {
        context.add("sessionIssuer") { issuer in
            issuer.add("type", "Role")
            issuer.add("principalId", String(actor.principalID.prefix { $0 != ":" }))
            issuer.add("arn", actor.sessionIssuerArn)
            issuer.add("accountId", actor.accountID)
            issuer.add("userName", String(actor.sessionIssuerArn.split(separator: "/").last ?? ""))
        }
        if actor.sessionCreatedAtUs > 0 {
            context.add("attributes") {
                $0.add("creationDate", UTCTime.text(actor.sessionCreatedAtUs))
            }
        }
    }
}
