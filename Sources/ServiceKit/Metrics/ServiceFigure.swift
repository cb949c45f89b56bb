/// One family of figures that a service adds to its Region's metrics.
public struct ServiceFigure: Sendable {
    public struct Sample: Sendable {
        public let labels: [(String, String)]
        public let value: Double

        public init(labels: [(String, String)], value: Double) {
            self.labels = labels
            self.value = value
        }
    }

    /// "portolan_…".
    public let name: String
    /// "counter" or "gauge".
    public let type: String
    public let help: String
    public let samples: [Sample]

    public init(name: String, type: String, help: String, samples: [Sample]) {
        self.name = name
        self.type = type
        self.help = help
        self.samples = samples
    }
}

extension ServiceModule {
    /// None.
    public var figures: [ServiceFigure] { get async { [] } }
}
