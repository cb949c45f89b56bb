/// Waiting times that double up to a bound, with jitter so that Regions do not knock in step.
struct BackOff {
    private let minimum: Duration
    private let maximum: Duration
    private var current: Duration

    init(_ timings: CoordinatorTimings) {
        minimum = timings.backOffMin
        maximum = timings.backOffMax
        current = timings.backOffMin
    }

    mutating func next() -> Duration {
        defer { current = min(current * 2, maximum) }
        return current * Double.random(in: 0.5...1)
    }

    mutating func reset() { current = minimum }
}
