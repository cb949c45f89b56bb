import Histogram

/// Callers that each make one call after the other until the time, or the work, is over.
enum CallerPool {
    /// `call` gets a number that rises over all callers.
    static func measure(
        callers: Int, seconds: Int, limit: Int = .max,
        call: @escaping @Sendable (Int) async throws -> Void
    ) async -> Measurement {
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + .seconds(seconds)
        let results = await withTaskGroup(of: (Histogram<UInt32>, Int).self) { group in
            for caller in 0..<callers {
                group.addTask {
                    var histogram = Measurement.histogram()
                    var errors = 0
                    var number = caller
                    while number < limit, clock.now < end {
                        let began = clock.now
                        do { try await call(number) } catch { errors += 1 }
                        let (whole, fraction) = (clock.now - began).components
                        histogram.record(UInt64(whole * 1_000_000_000 + fraction / 1_000_000_000))
                        number += callers
                    }
                    return (histogram, errors)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let (whole, fraction) = (clock.now - start).components
        var sum = Measurement.histogram()
        for (histogram, _) in results {
            for value in histogram.recordedValues() { sum.record(value.value, count: value.count) }
        }
        return Measurement(
            histogram: sum, errors: results.reduce(0) { $0 + $1.1 },
            seconds: Double(whole) + Double(fraction) * 1e-18)
    }
}
