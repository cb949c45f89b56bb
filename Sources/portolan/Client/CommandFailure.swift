/// A command that could not do what it was asked to.
struct CommandFailure: Error, CustomStringConvertible {
    /// What went wrong, one sentence.
    let message: String
    /// What to do next; may have several lines.
    let hint: String
    /// 1 unless the command line itself was wrong (2) or the configuration (78).
    let exitCode: Int32

    init(_ message: String, hint: String = "", exitCode: Int32 = 1) {
        self.message = message
        self.hint = hint
        self.exitCode = exitCode
    }

    var description: String { hint.isEmpty ? message : "\(message)\n\(hint)" }

    /// Of the BSD sysexits: the configuration is wrong.
    static let configurationExitCode: Int32 = 78
}
