import Contracts
import Foundation

/// Writes an event as one line of CloudTrail JSON, members in CloudTrail's order.
struct CloudTrailRecord {
    let event: TrailEvent
    let eventID: String
    let timeMicroseconds: Int64
    let region: String
    let accountID: String

    var json: String {
        var object = JSONObject()
        object.add("eventVersion", "1.11")
        object.add("userIdentity", raw: userIdentity)
        object.add("eventTime", CloudTrailTime.text(timeMicroseconds))
        object.add("eventSource", event.eventSource)
        object.add("eventName", event.eventName)
        object.add("awsRegion", region)
        object.add("sourceIPAddress", event.actor.sourceIpAddress)
        object.add("userAgent", event.actor.userAgent)
        if !event.errorCode.isEmpty {
            object.add("errorCode", event.errorCode)
            object.add("errorMessage", event.errorMessage)
        }
        object.add("requestParameters", raw: embedded(event.requestParametersJson))
        object.add("responseElements", raw: embedded(event.responseElementsJson))
        if !event.additionalEventDataJson.isEmpty {
            object.add("additionalEventData", raw: embedded(event.additionalEventDataJson))
        }
        object.add("requestID", event.actor.requestID)
        object.add("eventID", eventID)
        object.add("readOnly", raw: event.readOnly ? "true" : "false")
        if !event.resources.isEmpty { object.add("resources", raw: resources) }
        object.add("eventType", event.eventType.isEmpty ? "AwsApiCall" : event.eventType)
        object.add("managementEvent", raw: "true")
        object.add("recipientAccountId", accountID)
        if !event.serviceEventDetailsJson.isEmpty {
            object.add("serviceEventDetails", raw: embedded(event.serviceEventDetailsJson))
        }
        object.add("eventCategory", "Management")
        return object.text
    }

    private var userIdentity: String {
        let actor = event.actor
        var identity = JSONObject()
        identity.add("type", actor.type.isEmpty ? "Unknown" : actor.type)
        if !actor.userName.isEmpty { identity.add("userName", actor.userName) }
        if !actor.principalID.isEmpty { identity.add("principalId", actor.principalID) }
        if !actor.arn.isEmpty { identity.add("arn", actor.arn) }
        identity.add("accountId", actor.accountID.isEmpty ? accountID : actor.accountID)
        if !actor.accessKeyID.isEmpty { identity.add("accessKeyId", actor.accessKeyID) }
        if !actor.sessionIssuerArn.isEmpty { identity.add("sessionContext", raw: sessionContext) }
        if !actor.onBehalfOfUserID.isEmpty {
            var person = JSONObject()
            person.add("userId", actor.onBehalfOfUserID)
            person.add("identityStoreArn", actor.identityStoreArn)
            identity.add("onBehalfOf", raw: person.text)
        }
        if !actor.credentialID.isEmpty { identity.add("credentialId", actor.credentialID) }
        return identity.text
    }

    /// The role behind an assumed role's session, and when its credentials were issued.
    private var sessionContext: String {
        let actor = event.actor
        var issuer = JSONObject()
        issuer.add("type", "Role")
        issuer.add("principalId", String(actor.principalID.prefix { $0 != ":" }))
        issuer.add("arn", actor.sessionIssuerArn)
        issuer.add("accountId", actor.accountID)
        issuer.add("userName", String(actor.sessionIssuerArn.split(separator: "/").last ?? ""))
        var context = JSONObject()
        context.add("sessionIssuer", raw: issuer.text)
        if actor.sessionCreatedAtUs > 0 {
            var attributes = JSONObject()
            attributes.add("creationDate", CloudTrailTime.text(actor.sessionCreatedAtUs))
            context.add("attributes", raw: attributes.text)
        }
        return context.text
    }

    private var resources: String {
        let items = event.resources.map { resource in
            var object = JSONObject()
            object.add("accountId", accountID)
            object.add("type", resource.type)
            object.add("ARN", resource.arn)
            return object.text
        }
        return "[" + items.joined(separator: ",") + "]"
    }

    /// A JSON object as it was handed over; anything else becomes a string, so that the record
    /// stays one well-formed object whatever a service sends.
    private func embedded(_ json: String) -> String {
        guard !json.isEmpty else { return "null" }
        let data = Data(json.utf8)
        if json.first == "{", (try? JSONSerialization.jsonObject(with: data)) != nil {
            return json.contains("\n") ? json.replacingOccurrences(of: "\n", with: " ") : json
        }
        return JSONObject.quoted(json)
    }
}

/// Builds a JSON object member by member, in the order given.
private struct JSONObject {
    private var body = ""

    var text: String { "{" + body + "}" }

    mutating func add(_ name: String, _ value: String) { add(name, raw: Self.quoted(value)) }

    mutating func add(_ name: String, raw: String) {
        if !body.isEmpty { body += "," }
        body += "\"" + name + "\":" + raw
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..."\u{1F}", "\u{7F}", "\u{2028}", "\u{2029}":
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
