/// A table of text, aligned, cut to the terminal's width.
struct Table {
    enum Alignment { case left, right }

    struct Column {
        let title: String
        var alignment: Alignment = .left
        /// Gives way first when the terminal is narrow.
        var shrinks = false
        /// Left out when the terminal is too narrow for all columns.
        var isOptional = false

        static func text(_ title: String) -> Column { Column(title: title) }
        static func number(_ title: String) -> Column { Column(title: title, alignment: .right) }
        static func wide(_ title: String) -> Column { Column(title: title, shrinks: true) }
        /// A wide column that is left out where there is no room.
        static func extra(_ title: String) -> Column {
            Column(title: title, shrinks: true, isOptional: true)
        }
    }

    let columns: [Column]
    private(set) var rows: [[String]] = []
    /// Shown instead of a table without rows.
    var whenEmpty = "Nothing to show."

    private static let gap = 2
    /// A column that shrinks keeps this many characters.
    private static let shrunkMin = 14

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
        let shown = shownColumns(terminal.width)
        let widths = fittingWidths(shown, terminal.width)
        let header = line(columns.map { $0.title.uppercased() }, shown, widths)
        let lines = [header] + rows.map { line($0, shown, widths) }
        return lines.joined(separator: "\n")
    }

    private func naturalWidth(_ column: Int) -> Int {
        rows.reduce(columns[column].title.count) { max($0, $1[column].count) }
    }

    /// All columns that fit at their least width; optional ones are left out from the right.
    private func shownColumns(_ limit: Int?) -> [Int] {
        var shown = Array(columns.indices)
        guard let limit else { return shown }
        func least() -> Int {
            shown.reduce(Self.gap * (shown.count - 1)) { sum, column in
                let width = naturalWidth(column)
                return sum + (columns[column].shrinks ? min(width, Self.shrunkMin) : width)
            }
        }
        while least() > limit, let last = shown.lastIndex(where: { columns[$0].isOptional }) {
            shown.remove(at: last)
        }
        return shown
    }

    private func fittingWidths(_ shown: [Int], _ limit: Int?) -> [Int] {
        var widths = columns.indices.map(naturalWidth)
        guard let limit else { return widths }
        var excess =
            shown.reduce(0) { $0 + widths[$1] } + Self.gap * (shown.count - 1) - limit
        // The widest column that may shrink gives way, one character at a time; then any column.
        for candidates in [shown.filter { columns[$0].shrinks }, shown] {
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

    private func line(_ cells: [String], _ shown: [Int], _ widths: [Int]) -> String {
        let parts = shown.map { index in
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
