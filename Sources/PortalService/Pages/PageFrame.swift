/// What the layout shows around a screen.
struct PageFrame: Sendable {
    var title: String
    var instanceName: String?
    var region: String?
    /// Set on pages of a signed-in person.
    var person: Person?
    var csrf: String = ""
    /// Reloads the page after so many seconds.
    var refreshSeconds: Int?
    /// The console's menu; nil elsewhere.
    var console: ConsoleFrame?
    var isPortal = false
    /// Set in a session that was opened in an emergency.
    var emergency: Emergency?
    /// A page that needs a key has this one script.
    var script: String?

    struct Emergency: Sendable {
        /// "42 min 10 s", and the time of the end.
        let left, until: String
    }

    struct Person: Sendable {
        let name: String
        let userName: String
        let initials: String
        /// Whether the console is offered.
        let isAdministrator: Bool
    }

    struct ConsoleFrame: Sendable {
        let sections: [Section]
        /// Set outside the primary: the Region to go to for changes.
        let readOnly: ReadOnly?
        /// What somebody has to look at, whatever page this is.
        let alarm: String?

        struct Section: Sendable {
            let label: String
            let path: String
            let isCurrent: Bool
        }

        struct ReadOnly: Sendable {
            let region: String
            let primary: String
            let primaryConsoleURL: String?
        }
    }

    init(title: String) { self.title = title }
}

/// Times, sizes and names as pages show them.
enum Display {
    /// "2026-11-24 03:15:02 UTC".
    static func time(microseconds: Int64) -> String {
        guard microseconds > 0 else { return "–" }
        let (date, clock) = dateAndClock(microseconds)
        return "\(date) \(clock) UTC"
    }

    /// "2026-11-24 03:15:02", for columns that say UTC in their head.
    static func clock(microseconds: Int64) -> String {
        guard microseconds > 0 else { return "–" }
        let (date, clock) = dateAndClock(microseconds)
        return "\(date) \(clock)"
    }

    /// "2026-11-24T03:15:02Z".
    static func rfc3339(microseconds: Int64) -> String {
        let (date, clock) = dateAndClock(max(0, microseconds))
        return "\(date)T\(clock)Z"
    }

    private static func dateAndClock(_ microseconds: Int64) -> (String, String) {
        let seconds = microseconds / 1_000_000
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
        let (year, month, day) = civil(days: seconds / 86_400)
        return (
            "\(year)-\(two(month))-\(two(day))", "\(two(hour)):\(two(minute)):\(two(second))"
        )
    }

    /// "2 min 5 s", "41 ms", "3 h 20 min".
    static func duration(milliseconds: Int64) -> String {
        switch milliseconds {
        case ..<0: "unknown"
        case ..<1_000: "\(milliseconds) ms"
        case ..<60_000: "\(milliseconds / 1_000) s"
        case ..<3_600_000: pair(milliseconds / 60_000, "min", milliseconds / 1_000 % 60, "s")
        default: pair(milliseconds / 3_600_000, "h", milliseconds / 60_000 % 60, "min")
        }
    }

    private static func pair(_ big: Int64, _ bigUnit: String, _ small: Int64, _ unit: String)
        -> String
    {
        small == 0 ? "\(big) \(bigUnit)" : "\(big) \(bigUnit) \(small) \(unit)"
    }

    /// "12,345".
    static func count(_ value: UInt64) -> String {
        let digits = String(value)
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { result.append(",") }
            result.append(digit)
        }
        return result
    }

    static func initials(_ name: String) -> String {
        let words = name.split(separator: " ")
        let letters = [words.first, words.count > 1 ? words.last : nil].compactMap { $0?.first }
        return String(letters).uppercased()
    }

    private static func two(_ value: some BinaryInteger) -> String {
        value < 10 ? "0\(value)" : "\(value)"
    }

    /// Year, month and day of a day count since 1970 in the Gregorian calendar (Hinnant's algorithm).
    private static func civil(days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
