import Histogram

/// Callers that each make one call after the other until the time is over, all together at a rate.
enum CallerPool {
    /// `call` gets a number that rises over all callers and answers with what is to be recorded.
    static func measure(
        callers: Int, seconds: Int, rate: Double = 0, limit: Int = .max,
        call: @escaping @Sendable (Int) async throws -> Duration?
    ) async -> Measurement {
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + .seconds(seconds)
        let results = await withTaskGroup(of: (Histogram<UInt32>, Int, String?).self) { group in
            for caller in 0..<callers {
                group.addTask {
                    var histogram = Measurement.histogram()
                    var (errors, firstError) = (0, String?.none)
                    var number = caller
                    while number < limit, clock.now < end {
                        if rate > 0 {
                            try? await clock.sleep(until: start + .seconds(Double(number) / rate))
                        }
                        do {
                            if let took = try await call(number) {
                                histogram.record(took.nanoseconds)
                            }
                        } catch {
                            errors += 1
                            firstError = firstError ?? "\(error)"
                        }
                        number += callers
                    }
                    return (histogram, errors, firstError)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var sum = Measurement.histogram()
        for (histogram, _, _) in results {
            for value in histogram.recordedValues() { sum.record(value.value, count: value.count) }
        }
        return Measurement(
            histogram: sum, errors: results.reduce(0) { $0 + $1.1 },
            seconds: (clock.now - start).seconds, firstError: results.lazy.compactMap(\.2).first)
    }
}

extension Duration {
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(max(0, seconds * 1_000_000_000 + attoseconds / 1_000_000_000))
    }
    var seconds: Double { Double(nanoseconds) * 1e-9 }
}
