import Foundation
import Histogram

/// What a load gave.
struct Measurement: Encodable {
    let calls: Int
    let errors: Int
    let seconds: Double
    let perSecond: Double
    let p50Microseconds: Double
    let p99Microseconds: Double
    let p999Microseconds: Double

    init(histogram: Histogram<UInt32>, errors: Int, seconds: Double) {
        calls = Int(histogram.totalCount)
        self.errors = errors
        self.seconds = seconds
        perSecond = seconds > 0 ? Double(calls) / seconds : 0
        func microseconds(_ percentile: Double) -> Double {
            Double(histogram.valueAtPercentile(percentile)) / 1_000
        }
        p50Microseconds = microseconds(50)
        p99Microseconds = microseconds(99)
        p999Microseconds = microseconds(99.9)
    }

    func report() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        print(String(decoding: try encoder.encode(self), as: UTF8.self))
    }

    /// Nanoseconds up to a minute, three digits.
    static func histogram() -> Histogram<UInt32> {
        Histogram<UInt32>(
            highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    }
}
