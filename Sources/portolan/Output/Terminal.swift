import Foundation

/// What is known about where output goes.
struct Terminal: Sendable {
    /// Columns; nil when output is not a terminal, and nothing is then cut off.
    let width: Int?
    /// Whether emphasis and progress in place may be shown.
    let isInteractive: Bool

    static let plain = Terminal(width: nil, isInteractive: false)

    /// Standard output.
    static var output: Terminal { of(STDOUT_FILENO) }
    /// Standard error, where progress goes.
    static var errors: Terminal { of(STDERR_FILENO) }

    private static func of(_ descriptor: Int32) -> Terminal {
        guard isatty(descriptor) == 1 else { return .plain }
        let kind = ProcessInfo.processInfo.environment["TERM"] ?? ""
        return Terminal(width: columns(descriptor), isInteractive: !kind.isEmpty && kind != "dumb")
    }

    private static func columns(_ descriptor: Int32) -> Int {
        // struct winsize: rows, columns and two more, 16 bits each.
        var size: [UInt16] = [0, 0, 0, 0]
        let known = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0
        return known && size[1] > 0 ? Int(size[1]) : 80
    }
}

/// Writes to the standard streams, whole texts at a time.
enum Console {
    static func print(_ text: String) { write(text + "\n", to: .standardOutput) }
    static func note(_ text: String) { write(text + "\n", to: .standardError) }
    static func progress(_ text: String) { write(text, to: .standardError) }

    /// A reader that went away (a closed pipe) is no error of ours.
    private static func write(_ text: String, to file: FileHandle) {
        try? file.write(contentsOf: Data(text.utf8))
    }
}
