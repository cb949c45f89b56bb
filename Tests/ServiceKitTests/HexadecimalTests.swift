import ServiceKit
import Testing

@Suite("Hexadecimal text")
struct HexadecimalTests {
    @Test("no bytes are no digits")
    func empty() {
        #expect([UInt8]().hexadecimal == "")
    }

    @Test("each byte is two lower-case digits, a leading zero included")
    func digits() {
        #expect([0x00, 0x09, 0x0A, 0x9F, 0xA0, 0xFF].hexadecimal == "00090a9fa0ff")
        let slice = [UInt8](0...255)[16..<18]
        #expect(slice.hexadecimal == "1011")
    }
}
