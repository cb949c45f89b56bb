import Foundation
import SAML
import Testing

@Suite("A response as posted")
struct UnverifiedResponseTests {
    private func reason(_ base64: String) -> Rejection.Reason? {
        do throws(Rejection) {
            _ = try UnverifiedResponse(base64: base64)
            return nil
        } catch {
            return error.reason
        }
    }

    private func encoded(_ xml: String) -> String { Data(xml.utf8).base64EncodedString() }

    @Test("what is not base64 of XML is refused")
    func garbage() {
        #expect(reason("") == .notBase64)
        #expect(reason("%%%") == .notBase64)
        #expect(reason("PGE+PC9hPg") == .notBase64)
        #expect(reason(encoded("not xml")) == .notXML)
        #expect(reason(encoded("<?xml version='1.0'?><!DOCTYPE a><a/>")) == .documentType)
        #expect(reason(encoded("<a ID='x'><b ID='x'/></a>")) == .duplicateID)
        #expect(reason(encoded("<a/>")) == nil)
    }

    @Test("size is bounded before decoding and after")
    func size() {
        #expect(reason(String(repeating: "A", count: 140_001)) == .tooLarge)
        #expect(
            reason(encoded("<a>" + String(repeating: "x", count: 100_000) + "</a>")) == .tooLarge)
    }

    @Test("an assertion over 50,000 bytes is refused in a response that is not too large")
    func assertionSize() throws {
        var draft = ResponseDraft()
        let long = String(repeating: "x", count: 50_000)
        draft.attributes = """
            <saml:AttributeStatement><saml:Attribute Name="a">\
            <saml:AttributeValue>\(long)</saml:AttributeValue></saml:Attribute>\
            </saml:AttributeStatement>
            """
        #expect(
            SAMLTests.reason(try draft.xml(), try Fixtures.validator()) == .assertionTooLarge)
    }

    @Test("every code is distinct and says it is about SAML")
    func codes() {
        let codes = Rejection.Reason.allCases.map(\.rawValue)
        #expect(Set(codes).count == codes.count)
        #expect(codes.allSatisfy { $0.hasPrefix("SAML_") })
        #expect(Rejection.replayed.code == "SAML_REPLAYED")
    }
}
