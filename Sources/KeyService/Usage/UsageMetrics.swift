import ServiceKit

/// Requests since the start of the process, for the Region's metrics.
///
/// The number of series is bounded, since principals come and go: what is above is counted under
/// the principal "other".
struct UsageMetrics: Sendable {
    static let requestsName = "portolan_key_requests_total"
    static let refusedName = "portolan_key_requests_refused_total"
    static let seriesCountMax = 2000

    private var totals: [UsageMeter.Subject: UsageCount] = [:]

    mutating func add(_ subject: UsageMeter.Subject, _ count: UsageCount) {
        var subject = subject
        if totals[subject] == nil, totals.count >= Self.seriesCountMax {
            subject = UsageMeter.Subject(
                keyID: subject.keyID, principal: "other", operation: "other")
        }
        totals[subject, default: UsageCount()] += count
    }

    func figures(region: String) -> [ServiceFigure] {
        let sorted = totals.sorted { "\($0.key)" < "\($1.key)" }
        func samples(_ value: (UsageCount) -> Int64) -> [ServiceFigure.Sample] {
            sorted.map { subject, count in
                ServiceFigure.Sample(
                    labels: [
                        ("key", subject.keyID), ("region", region),
                        ("principal", subject.principal), ("operation", subject.operation),
                    ], value: Double(value(count)))
            }
        }
        return [
            ServiceFigure(
                name: Self.requestsName, type: "counter", help: "Requests per key and caller.",
                samples: samples(\.requests)),
            ServiceFigure(
                name: Self.refusedName, type: "counter", help: "Requests that were refused.",
                samples: samples(\.refused)),
        ]
    }
}
