/// Times as CloudTrail and logs write them: "2026-02-03T10:20:30Z". Without Foundation's calendars, which
/// bring ICU and its data into every process that says when something was.
package enum UTCTime {
    /// Microseconds since 1970 as text, cut to whole seconds.
    package static func text(_ microseconds: Int64) -> String {
        let (seconds, _) = microseconds.quotientAndRemainderFloored(by: 1_000_000)
        return "\(start(seconds))Z"
    }

    /// The same with milliseconds.
    package static func precise(_ microseconds: Int64) -> String {
        let (seconds, rest) = microseconds.quotientAndRemainderFloored(by: 1_000_000)
        return "\(start(seconds)).\(pad(rest / 1_000, 3))Z"
    }

    private static func start(_ time: Int64) -> String {
        let (days, seconds) = time.quotientAndRemainderFloored(by: 86_400)
        let (year, month, day) = date(daysSince1970: days)
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T"
            + "\(pad(seconds / 3_600, 2)):\(pad(seconds / 60 % 60, 2)):\(pad(seconds % 60, 2))"
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// The civil date of a day number; Hinnant, "chrono-compatible low-level date algorithms".
    private static func date(daysSince1970 days: Int64) -> (Int64, Int64, Int64) {
        let (era, dayOfEra) = (days + 719_468).quotientAndRemainderFloored(by: 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

extension Int64 {
    fileprivate func quotientAndRemainderFloored(by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
