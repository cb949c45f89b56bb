/// Dates of conditions: W3C profiles of ISO 8601, or seconds since 1970.
enum PolicyDate {
    /// Seconds since 1970, or nil when the text is no date.
    ///
    /// Accepts `2026-11-24`, `2026-11-24T05:25Z`, `2026-11-24T05:25:00.5+01:00` and `1795497900`.
    static func parse(_ text: String) -> Double? {
        if let seconds = Double(text), seconds.isFinite { return seconds }
        var rest = text[...]
        guard let year = digits(&rest, 4), take("-", &rest), let month = digits(&rest, 2),
            take("-", &rest), let day = digits(&rest, 2), isDay(year, month, day)
        else { return nil }
        let date = Double(daysSince1970(year, month, day)) * 86400
        if rest.isEmpty { return date }
        guard take("T", &rest), let time = time(&rest), let offset = offset(&rest), rest.isEmpty
        else { return nil }
        return date + time - offset
    }

    private static func time(_ rest: inout Substring) -> Double? {
        guard let hour = digits(&rest, 2), hour < 24, take(":", &rest),
            let minute = digits(&rest, 2), minute < 60
        else { return nil }
        var seconds = Double(hour * 3600 + minute * 60)
        guard take(":", &rest) else { return seconds }
        guard let second = digits(&rest, 2), second <= 60 else { return nil }
        seconds += Double(second)
        guard take(".", &rest) else { return seconds }
        let fraction = rest.prefix { $0.isASCII && $0.isNumber }
        guard (1...9).contains(fraction.count), let value = Double("0.\(fraction)") else {
            return nil
        }
        rest = rest.dropFirst(fraction.count)
        return seconds + value
    }

    private static func offset(_ rest: inout Substring) -> Double? {
        if take("Z", &rest) { return 0 }
        let sign: Double
        if take("+", &rest) {
            sign = 1
        } else if take("-", &rest) {
            sign = -1
        } else {
            return nil
        }
        guard let hours = digits(&rest, 2), hours < 24, take(":", &rest),
            let minutes = digits(&rest, 2), minutes < 60
        else { return nil }
        return sign * Double(hours * 3600 + minutes * 60)
    }

    private static func digits(_ rest: inout Substring, _ count: Int) -> Int? {
        let head = rest.prefix(count)
        guard head.count == count, head.allSatisfy({ $0.isASCII && $0.isNumber }) else {
            return nil
        }
        rest = rest.dropFirst(count)
        return Int(head)
    }

    private static func take(_ character: Character, _ rest: inout Substring) -> Bool {
        guard rest.first == character else { return false }
        rest = rest.dropFirst()
        return true
    }

    private static func isDay(_ year: Int, _ month: Int, _ day: Int) -> Bool {
        guard (1...12).contains(month), day >= 1 else { return false }
        let isLeap = year.isMultiple(of: 4) && !year.isMultiple(of: 100) || year.isMultiple(of: 400)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return day <= lengths[month - 1]
    }

    /// Days of the proleptic Gregorian calendar; years start in March, so that leap days come last.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
