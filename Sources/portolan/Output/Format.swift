import Contracts
import Foundation

/// How values are shown.
enum Format {
    /// "2026-11-24 03:12:08Z"; "-" for none. Microseconds since 1970.
    static func time(_ microseconds: Int64) -> String {
        guard microseconds > 0 else { return "-" }
        let date = Date(timeIntervalSince1970: Double(microseconds) / 1_000_000)
        return date.formatted(
            .iso8601.year().month().day().dateTimeSeparator(.space)
                .time(includingFractionalSeconds: false).timeZone(separator: .omitted))
    }

    /// "1,204,331".
    static func count(_ value: some BinaryInteger) -> String {
        var digits = String(value.magnitude)
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits = String(digits.dropLast(3))
        }
        groups.insert(Substring(digits), at: 0)
        return (value < 0 ? "-" : "") + groups.joined(separator: ",")
    }

    /// "850 us", "12.4 ms", "3.1 s", "4 min 05 s", "2 h 03 min"; "-" when negative (unknown).
    static func duration(microseconds: Int64) -> String {
        switch microseconds {
        case ..<0: return "-"
        case ..<1_000: return "\(microseconds) us"
        case ..<1_000_000: return tenths(Double(microseconds) / 1_000) + " ms"
        case ..<60_000_000: return tenths(Double(microseconds) / 1_000_000) + " s"
        default:
            let seconds = microseconds / 1_000_000
            return seconds < 3_600
                ? "\(seconds / 60) min \(twoDigits(seconds % 60)) s"
                : "\(seconds / 3_600) h \(twoDigits(seconds % 3_600 / 60)) min"
        }
    }

    /// "control 1/2048": stream, epoch and sequence.
    static func position(_ position: LogPosition) -> String {
        position.stream.isEmpty ? "-" : "\(position.stream) \(position.epoch)/\(position.sequence)"
    }

    /// An enumeration's case as in the contract, without its prefix: `.externalIdp` is EXTERNAL_IDP.
    static func name(_ value: some CaseIterable) -> String {
        var result = ""
        for character in String(describing: value) {
            if character.isUppercase { result += "_" }
            result += character.uppercased()
        }
        return result
    }

    static func yesNo(_ value: Bool) -> String { value ? "yes" : "no" }

    private static func tenths(_ value: Double) -> String {
        let scaled = Int((value * 10).rounded())
        return scaled % 10 == 0 ? "\(scaled / 10)" : "\(scaled / 10).\(scaled % 10)"
    }

    private static func twoDigits(_ value: Int64) -> String {
        value < 10 ? "0\(value)" : "\(value)"
    }
}
