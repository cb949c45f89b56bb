/// A month of the Gregorian calendar, UTC.
struct UsageMonth: Hashable, Comparable, Sendable {
    /// Months since January of year 0.
    let number: Int32

    /// The month of a time in microseconds since 1970.
    init(microseconds: Int64) {
        // Civil date from days (proleptic Gregorian, years starting in March).
        let days = microseconds / 86_400_000_000 + 719_468
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        number = Int32(year * 12 + month - 1)
    }

    /// "2026-11"; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 4, parts[1].utf8.count == 2,
            let year = Int32(parts[0]), let month = Int32(parts[1]), (1...12).contains(month)
        else { return nil }
        number = year * 12 + month - 1
    }

    private init(number: Int32) { self.number = number }

    var next: UsageMonth { UsageMonth(number: number + 1) }

    /// "2026-11".
    var text: String {
        let month = number % 12 + 1
        return "\(number / 12)-\(month < 10 ? "0" : "")\(month)"
    }

    /// When it begins, in microseconds since 1970.
    var startMicroseconds: Int64 {
        let month = Int64(number % 12 + 1)
        let year = Int64(number / 12) - (month <= 2 ? 1 : 0)
        let era = year / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86_400_000_000
    }

    static func < (one: UsageMonth, other: UsageMonth) -> Bool { one.number < other.number }
}
