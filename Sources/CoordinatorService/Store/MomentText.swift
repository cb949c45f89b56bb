import Foundation

/// Moments as people write them: `2026-02-03T04:05:06.123456Z`, exact to the microsecond.
package enum MomentText {
    package static func text(_ microseconds: Int64) -> String {
        let (seconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        let date = Date(timeIntervalSince1970: TimeInterval(seconds))
        let whole = date.formatted(Date.ISO8601FormatStyle()).dropLast()
        let digits = String(rest)
        return whole + "." + String(repeating: "0", count: 6 - digits.count) + digits + "Z"
    }

    /// Microseconds since 1970; nil unless it is a time with a zone. Without a fraction it is the
    /// beginning of that second.
    package static func microseconds(_ text: String) -> Int64? {
        guard let point = text.firstIndex(of: ".") else { return seconds(text) }
        let fraction = text[text.index(after: point)...].prefix { $0.isASCII && $0.isNumber }
        let rest = text[text.index(point, offsetBy: fraction.count + 1)...]
        guard (1...6).contains(fraction.count), let begin = seconds(text[..<point] + rest),
            let part = Int64(fraction)
        else { return nil }
        return (fraction.count..<6).reduce(part) { value, _ in value * 10 } + begin
    }

    private static func seconds(_ text: some StringProtocol) -> Int64? {
        guard let date = try? Date.ISO8601FormatStyle().parse(String(text)) else { return nil }
        return Int64(date.timeIntervalSince1970) * 1_000_000
    }
}
