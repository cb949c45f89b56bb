import Testing
import XMLSignature

@Suite("Parsing of XML from outside")
struct XMLDocumentTests {
    private func failure(_ text: String, bytesMax: Int = 10_000) -> XMLParseError? {
        do throws(XMLParseError) {
            _ = try XMLDocument(parsing: Array(text.utf8), bytesMax: bytesMax)
            return nil
        } catch {
            return error
        }
    }

    @Test("a document type is refused, with or without entities")
    func documentType() {
        #expect(failure("<!DOCTYPE a><a/>") == .documentType)
        #expect(failure("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>") == .documentType)
        #expect(
            failure(
                "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>")
                == .documentType)
    }

    @Test("an entity bomb is refused before it grows")
    func entityBomb() {
        var entities = "<!ENTITY a0 \"boom\">"
        for level in 1...20 {
            let reference = String(repeating: "&a\(level - 1);", count: 10)
            entities += "<!ENTITY a\(level) \"\(reference)\">"
        }
        #expect(failure("<!DOCTYPE a [\(entities)]><a>&a20;</a>") == .documentType)
    }

    @Test("an entity that nobody declared is refused")
    func undeclaredEntity() {
        #expect(failure("<a>&nbsp;</a>") == .malformed)
    }

    @Test("a processing instruction is refused")
    func processingInstruction() {
        #expect(failure("<a><?php x?></a>") == .processingInstruction)
    }

    @Test("what is not well-formed UTF-8 is refused")
    func malformed() throws {
        for text in ["", " ", "x", "<a>", "<a></b>", "<a/><b/>", "<a b='1' b='2'/>", "<x:a/>"] {
            #expect(failure(text) == .malformed, "\(text)")
        }
        #expect(throws: XMLParseError.malformed) {
            try XMLDocument(
                parsing: [0x3C, 0x61, 0x3E, 0xFF, 0xFE, 0x3C, 0x2F, 0x61, 0x3E],
                bytesMax: 100)
        }
        let utf16: [UInt8] = Array("<a/>".utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
        #expect(throws: XMLParseError.malformed) {
            try XMLDocument(parsing: [0xFF, 0xFE] + utf16, bytesMax: 100)
        }
    }

    @Test("a byte order mark before UTF-8 is passed over, as some metadata has one")
    func byteOrderMark() throws {
        let document = try XMLDocument(
            parsing: [0xEF, 0xBB, 0xBF] + Array("<?xml version='1.0' encoding='utf-8'?><a/>".utf8),
            bytesMax: 100)
        #expect(document.root.name == "a")
    }

    @Test("size, depth, attributes and elements are bounded")
    func bounds() {
        #expect(failure("<a>12345</a>", bytesMax: 11) == .tooLarge)
        #expect(failure("<a>12345</a>", bytesMax: 12) == nil)
        let deep = String(repeating: "<a>", count: 65) + String(repeating: "</a>", count: 65)
        #expect(failure(deep) == .tooComplex)
        let attributes = (0..<65).map { "a\($0)=''" }.joined(separator: " ")
        #expect(failure("<a \(attributes)/>") == .tooComplex)
        let spaces = (0..<65).map { "xmlns:a\($0)='u'" }.joined(separator: " ")
        #expect(failure("<a \(spaces)/>") == .tooComplex)
        let many = "<a>" + String(repeating: "<b/>", count: 20_000) + "</a>"
        #expect(failure(many, bytesMax: 1_000_000) == .tooComplex)
    }

    @Test("two equal IDs are refused, whatever the case of the attribute's name")
    func duplicateIDs() {
        #expect(failure("<a ID='x'><b ID='x'/></a>") == .duplicateID)
        #expect(failure("<a ID='x'><b Id='x'/></a>") == .duplicateID)
        #expect(failure("<a ID='x'><b id='&#120;'/></a>") == .duplicateID)
        #expect(failure("<a><b xml:id='y'/></a>") == .duplicateID)
        #expect(failure("<a ID='x'><b ID='y'/></a>") == nil)
    }

    @Test("text on both sides of a comment is one text")
    func comments() throws {
        let text = "<a>admin@example.com<!-- x -->.evil.example<![CDATA[&<]]>&amp;</a>"
        let document = try XMLDocument(parsing: Array(text.utf8), bytesMax: 1000)
        #expect(document.root.text == "admin@example.com.evil.example&<&")
    }

    @Test("an element with children has no text of its own")
    func mixedContent() throws {
        let document = try XMLDocument(parsing: Array("<a>x<b>y</b>z</a>".utf8), bytesMax: 1000)
        #expect(document.root.text == nil)
        #expect(document.root.children.first?.text == "y")
    }

    @Test("written text and attributes are escaped and come back")
    func roundTrip() throws {
        let awkward = "<&>\"'\n é😀"
        let document = try XMLDocument(root: "a", prefix: "p", namespace: "urn:n")
        try document.root.setAttribute("b", awkward)
        try document.root.addChild("c", prefix: "q", namespace: "urn:m").addText(awkward)
        let again = try XMLDocument(parsing: document.serialized(), bytesMax: 1000)
        #expect(again.root.isNamed("a", in: "urn:n"))
        #expect(again.root.attribute("b") == awkward)
        #expect(again.root.children("c", in: "urn:m").first?.text == awkward)
    }

    @Test("DEFLATE comes back whole, and only within its bound")
    func deflate() throws {
        let input = [UInt8](repeating: 65, count: 100_000)
        let compressed = try #require(Deflate.compress(input))
        #expect(compressed.count < 1000)
        #expect(Deflate.decompress(compressed, bytesMax: 100_000) == input)
        #expect(Deflate.decompress(compressed, bytesMax: 99_999) == nil)
        #expect(Deflate.decompress(Array(compressed.dropLast()), bytesMax: 100_000) == nil)
        #expect(Deflate.decompress(compressed + [0], bytesMax: 100_000) == nil)
        #expect(Deflate.decompress([0xFF, 0xFF], bytesMax: 100) == nil)
    }
}
