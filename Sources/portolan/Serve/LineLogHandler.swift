import Foundation
import Logging
import ServiceKit

/// Writes one line per event to standard error: time, level, label, message, facts.
struct LineLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let label: String

    init(label: String, level: Logger.Level) {
        self.label = label
        self.logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let facts = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let line = Self.line(
            time: Date(), level: event.level, label: label, message: "\(event.message)",
            facts: facts.mapValues { "\($0)" })
        try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
    }

    /// Line feeds and quotes in values are escaped, so that one event stays one line.
    static func line(
        time: Date, level: Logger.Level, label: String, message: String, facts: [String: String]
    ) -> String {
        let stamp = UTCTime.precise(Int64((time.timeIntervalSince1970 * 1_000_000).rounded()))
        var line = "\(stamp) \(level.rawValue) \(label): \(escaped(message))"
        for (name, value) in facts.sorted(by: { $0.key < $1.key }) {
            line += " \(name)=\(quoted(value))"
        }
        return line + "\n"
    }

    private static func quoted(_ value: String) -> String {
        let text = escaped(value)
        guard text.isEmpty || text.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" }) else {
            return text
        }
        return "\"\(text.replacing("\"", with: "\\\""))\""
    }

    /// By Unicode scalar: a carriage return and a line feed together are one character.
    private static func escaped(_ value: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\r": result.append(contentsOf: "\\r".unicodeScalars)
            case _ where scalar.properties.generalCategory == .control: result.append(" ")
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
