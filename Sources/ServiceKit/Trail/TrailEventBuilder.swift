public import Contracts
import Foundation

extension TrailEvent {
    /// An event of the trail. Parameters are turned into JSON with sorted names.
    ///
    /// `source` is the service's eventSource, used unless the actor names the edge's.
    public init(
        name: String, source: String, actor: TrailActor, readOnly: Bool = false,
        type: String = "AwsApiCall", request: [String: any Sendable] = [:],
        response: [String: any Sendable] = [:], additional: [String: any Sendable] = [:],
        serviceDetails: [String: any Sendable] = [:]
    ) {
        self.init()
        self.eventName = name
        self.eventSource = actor.eventSource.isEmpty ? source : actor.eventSource
        self.actor = actor
        self.readOnly = readOnly
        self.eventType = type
        self.requestParametersJson = Self.json(request)
        self.responseElementsJson = Self.json(response)
        self.additionalEventDataJson = Self.json(additional)
        self.serviceEventDetailsJson = Self.json(serviceDetails)
    }

    private static func json(_ object: [String: any Sendable]) -> String {
        guard !object.isEmpty, JSONSerialization.isValidJSONObject(object),
            let data = try? JSONSerialization.data(
                withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
        else { return "" }
        return String(decoding: data, as: UTF8.self)
    }
}
