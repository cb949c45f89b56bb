/// A table of text, aligned, cut to the terminal's width.
struct Table {
    enum Alignment { case left, right }

    struct Column {
        let title: String
        var alignment: Alignment = .left
        /// Gives way first when the terminal is narrow.
        var shrinks = false

        static func text(_ title: String) -> Column { Column(title: title) }
        static func number(_ title: String) -> Column { Column(title: title, alignment: .right) }
        static func wide(_ title: String) -> Column { Column(title: title, shrinks: true) }
    }

    let columns: [Column]
    private(set) var rows: [[String]] = []
    /// Shown instead of a table without rows.
    var whenEmpty = "Nothing to show."

    private static let gap = 2
    private static let shrunkMin = 8

    init(_ columns: [Column], whenEmpty: String = "Nothing to show.") {
        self.columns = columns
        self.whenEmpty = whenEmpty
    }

    /// Cells beyond the columns are dropped, missing ones are empty. Control characters are shown as
    /// spaces, so that stored text cannot move the cursor.
    mutating func add(_ cells: [String]) {
        var row = cells.prefix(columns.count).map(Self.printable)
        while row.count < columns.count { row.append("") }
        rows.append(row)
    }

    func render(_ terminal: Terminal) -> String {
        guard !rows.isEmpty else { return whenEmpty }
        let widths = fittingWidths(terminal.width)
        let header = line(columns.map { $0.title.uppercased() }, widths)
        let lines = [header] + rows.map { line($0, widths) }
        return lines.joined(separator: "\n")
    }

    private func fittingWidths(_ limit: Int?) -> [Int] {
        var widths = columns.indices.map { index in
            rows.reduce(columns[index].title.count) { max($0, $1[index].count) }
        }
        guard let limit else { return widths }
        var excess = widths.reduce(0, +) + Self.gap * (columns.count - 1) - limit
        // The widest column that may shrink gives way, one character at a time; then any column.
        for candidates in [columns.indices.filter { columns[$0].shrinks }, Array(columns.indices)] {
            while excess > 0 {
                let widest = candidates.filter { widths[$0] > Self.shrunkMin }
                    .max { widths[$0] < widths[$1] }
                guard let widest else { break }
                widths[widest] -= 1
                excess -= 1
            }
        }
        return widths
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        let parts = cells.indices.map { index in
            let text = Self.cut(cells[index], to: widths[index])
            let padding = String(repeating: " ", count: max(0, widths[index] - text.count))
            return columns[index].alignment == .right ? padding + text : text + padding
        }
        var line = parts.joined(separator: String(repeating: " ", count: Self.gap))
        while line.last == " " { line.removeLast() }
        return line
    }

    static func cut(_ text: String, to width: Int) -> String {
        text.count <= width ? text : text.prefix(max(0, width - 1)) + "…"
    }

    static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? " " : $0 }))
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control
            || scalar.properties.generalCategory == .format
    }
}

/// Named facts, one a line.
struct Facts {
    private var items: [(name: String, value: String)] = []

    init() {}

    /// Empty values are left out.
    mutating func add(_ name: String, _ value: String) {
        if !value.isEmpty { items.append((name, Table.printable(value))) }
    }

    func render() -> String {
        let width = items.map(\.name.count).max() ?? 0
        return items.map { item in
            item.name + String(repeating: " ", count: width - item.name.count + 2) + item.value
        }.joined(separator: "\n")
    }
}
