import Testing

@testable import DirectoryService

@Suite("identifiers")
struct IdentifierTests {
    private func lent(_ text: [UInt8]) -> Identifier? {
        text.withUnsafeBytes { Identifier($0) }
    }

    @Test("every byte at every place is read or refused as digit by digit")
    func everyByte() {
        let text = Array("0123abcd-4567-89ef-ABCD-0123456789EF".utf8)
        for place in text.indices {
            for byte in UInt8.min ... .max {
                var changed = text
                changed[place] = byte
                #expect(lent(changed) == Identifier(changed))
            }
        }
    }

    @Test("text of another length is refused")
    func lengths() {
        for count in [0, 1, 35, 37, 72] {
            #expect(lent(Array(repeating: UInt8(ascii: "0"), count: count)) == nil)
        }
    }

    @Test("an identifier's text reads back")
    func roundTrip() {
        for _ in 0..<1_000 {
            let id = Identifier.new()
            #expect(Identifier(id.text) == id)
            #expect(Identifier(id.text.uppercased()) == id)
        }
    }

    @Test("identifiers come in the order in which they were made, and are UUIDs of version 7")
    func order() async throws {
        var before = Identifier.new()
        for _ in 0..<5 {
            try await Task.sleep(for: .milliseconds(2))
            let id = Identifier.new()
            #expect(before < id && before.text < id.text)
            #expect(id.high >> 12 & 0xf == 7)
            #expect(id.low >> 62 == 0b10)
            before = id
        }
    }

    @Test("those of one moment differ")
    func difference() {
        let ids = Set((0..<10_000).map { _ in Identifier.new() })
        #expect(ids.count == 10_000)
    }
}
