import Foundation
import Testing

@testable import PortalService

@Suite("Forms")
struct FormTests {
    @Test(
        "what is not encoded as a form is refused",
        arguments: ["a=%", "a=%4", "a=%zz", "a=%+1", "%f=1", "a=%ff", "a=%c3", "a=1&%61=2", "a&a"])
    func malformed(text: String) {
        #expect(throws: PortalFailure.self) { try Form(encoded: text) }
    }

    @Test("more fields than there may be are refused")
    func tooMany() throws {
        let fields = (0..<64).map { "f\($0)=1" }
        _ = try Form(encoded: fields.joined(separator: "&"))
        #expect(throws: PortalFailure.self) {
            try Form(encoded: (fields + ["g=1"]).joined(separator: "&"))
        }
    }

    @Test("names and values are decoded, and empty ones are there")
    func decoded() throws {
        let form = try Form(encoded: "a+b=c%2Bd+e&x=1=2&none&=nameless&&u=%C3%A9%e2%82%ac&z=%26%3D")
        #expect(form["a b"] == "c+d e")
        #expect(form["x"] == "1=2")
        #expect(form.has("none") && form["none"].isEmpty)
        #expect(form[""] == "nameless")
        #expect(form["u"] == "é€")
        #expect(form["z"] == "&=")
        #expect(form.names.count == 6)
    }

    @Test("any text comes back as it was sent")
    func roundTrip() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let text = String(
                String.UnicodeScalarView(
                    (0..<40).compactMap { _ in
                        Unicode.Scalar(UInt32.random(in: 0...0x2FFF, using: &generator))
                    }))
            #expect(try Form(encoded: "v=\(queryEncoded(text))")["v"] == text)
        }
    }
}
