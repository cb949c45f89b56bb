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

extension [ServiceFigure] {
    /// Each name once, with all samples that have it: the text format allows a family once.
    package var merged: [ServiceFigure] {
        var places: [String: Int] = [:]
        var result: [ServiceFigure] = []
        for figure in self {
            if let place = places[figure.name] {
                result[place] = ServiceFigure(
                    name: figure.name, type: figure.type, help: figure.help,
                    samples: result[place].samples + figure.samples)
            } else {
                places[figure.name] = result.count
                result.append(figure)
            }
        }
        return result
    }
}

extension ServiceModule {
    /// None.
    public var figures: [ServiceFigure] { get async { [] } }
}
