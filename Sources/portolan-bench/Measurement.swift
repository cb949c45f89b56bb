import Foundation
import Histogram

/// What a load gave.
struct Measurement: Encodable {
    let calls: Int
    let errors: Int
    let firstError: String?
    let seconds: Double
    let perSecond: Double
    let p50Microseconds: Double
    let p99Microseconds: Double
    let p999Microseconds: Double
    /// On the wire before encryption, length included; nil where nobody counted.
    let bytesPerRequest: Double?
    let bytesPerAnswer: Double?

    init(
        histogram: Histogram<UInt32>, errors: Int, seconds: Double, firstError: String? = nil,
        bytesPerRequest: Double? = nil, bytesPerAnswer: Double? = nil
    ) {
        calls = Int(histogram.totalCount)
        self.errors = errors
        self.firstError = firstError
        self.seconds = seconds
        perSecond = seconds > 0 ? Double(calls) / seconds : 0
        func microseconds(_ percentile: Double) -> Double {
            Double(histogram.valueAtPercentile(percentile)) / 1_000
        }
        p50Microseconds = microseconds(50)
        p99Microseconds = microseconds(99)
        p999Microseconds = microseconds(99.9)
        self.bytesPerRequest = bytesPerRequest
        self.bytesPerAnswer = bytesPerAnswer
    }

    init(_ figures: RawFigures, seconds: Double) {
        let answers = Double(max(figures.answers, 1))
        self.init(
            histogram: figures.histogram, errors: figures.errors, seconds: seconds,
            firstError: figures.firstError,
            bytesPerRequest: Double(figures.requestBytes) / answers,
            bytesPerAnswer: Double(figures.answerBytes) / answers)
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
