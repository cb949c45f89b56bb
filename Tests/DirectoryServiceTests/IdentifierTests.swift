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
            let id = Identifier.random()
            #expect(Identifier(id.text) == id)
            #expect(Identifier(id.text.uppercased()) == id)
        }
    }
}
