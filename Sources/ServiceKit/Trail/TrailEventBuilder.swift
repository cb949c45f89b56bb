public import Contracts

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
        self.requestParametersJson = JSONText.text(request)
        self.responseElementsJson = JSONText.text(response)
        self.additionalEventDataJson = JSONText.text(additional)
        self.serviceEventDetailsJson = JSONText.text(serviceDetails)
    }
}
