import Foundation
import SAML
import Testing

@Suite("Alterations of a genuine message")
struct AlterationTests {
    private let genuine: [UInt8]
    private let issued: Date
    private let validator: ResponseValidator

    init() throws {
        genuine = try Fixtures.bytes("signed-assertion.xml")
        let xml = String(decoding: genuine, as: UTF8.self)
        issued = try #require(
            SAMLTime.parse(
                String(xml.slice(from: "IssueInstant=\"", through: "Z\"").dropFirst(14).dropLast()))
        )
        validator = try Fixtures.validator()
    }

    private func verdict(_ bytes: [UInt8]) -> ValidatedAssertion? {
        guard let response = try? UnverifiedResponse(xml: bytes) else { return nil }
        return try? validator.validate(
            response, expecting: .answer(to: Fixtures.request), now: issued
        ).get()
    }

    @Test("whatever single byte is changed, nothing but the genuine assertion is ever accepted")
    func everyByte() throws {
        let expected = try #require(verdict(genuine))
        var accepted = 0
        for position in genuine.indices {
            var altered = genuine
            altered[position] ^= UInt8(1 << (position % 7))
            if let assertion = verdict(altered) {
                accepted += 1
                #expect(assertion == expected, "byte \(position)")
            }
        }
        // KeyInfo and names outside the assertion are not covered; everything else is.
        #expect(accepted < genuine.count / 2)
    }

    @Test("a message cut off anywhere is refused")
    func everyLength() {
        let end = genuine.lastIndex(of: UInt8(ascii: ">")) ?? 0
        for length in stride(from: 0, to: end, by: 7) {
            #expect(verdict(Array(genuine.prefix(length))) == nil, "\(length) bytes")
        }
    }
}
