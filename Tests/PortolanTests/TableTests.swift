import Testing

@testable import portolan

@Suite("Tables")
struct TableTests {
    private func people() -> Table {
        var table = Table([.wide("User name"), .number("Groups")])
        table.add(["maria.gonzalez@meridian.example", "7"])
        table.add(["bo", "1200"])
        return table
    }

    @Test("columns are aligned, numbers to the right, without trailing blanks")
    func aligned() {
        #expect(
            people().render(.plain) == """
                USER NAME                        GROUPS
                maria.gonzalez@meridian.example       7
                bo                                 1200
                """)
    }

    @Test("a narrow terminal cuts the wide column and no line is longer than it")
    func cut() {
        let text = people().render(Terminal(width: 24, isInteractive: true))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 24 })
        #expect(text.contains("…"))
        #expect(text.contains("1200"))
    }

    @Test("columns that can be missed are left out before others become unreadable")
    func optional() {
        var table = Table([.text("Region"), .extra("Portal")])
        table.add(["eu-central-1", "https://eu-central-1.portolan.example"])
        #expect(table.render(Terminal(width: 20, isInteractive: true)) == "REGION\neu-central-1")
        #expect(table.render(Terminal(width: 40, isInteractive: true)).contains("PORTAL"))
    }

    @Test("a table without rows says so")
    func empty() {
        #expect(Table([.text("Key")], whenEmpty: "No keys.").render(.plain) == "No keys.")
    }

    @Test("control characters in stored text do not reach the terminal")
    func controls() {
        var table = Table([.text("Name")])
        table.add(["evil\u{1B}[2J\nname"])
        #expect(!table.render(.plain).contains("\u{1B}"))
        #expect(table.render(.plain).split(separator: "\n").count == 2)
    }

    @Test("missing cells are empty and surplus ones dropped")
    func ragged() {
        var table = Table([.text("A"), .text("B")])
        table.add(["1"])
        table.add(["1", "2", "3"])
        #expect(table.render(.plain) == "A  B\n1\n1  2")
    }
}
