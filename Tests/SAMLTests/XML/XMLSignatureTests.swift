import Testing
import XMLSignature

@Suite("Enveloped signatures")
struct XMLSignatureTests {
    private let plain = "<a ID='one'><b>text</b><c ID='two'/></a>"

    private func verify(
        _ xml: String, by certificate: String = "idp"
    ) throws -> SignatureRejection? {
        let document = try XMLDocument(parsing: Array(xml.utf8), bytesMax: 100_000)
        let verifier = XMLSignatureVerifier(certificates: [try Fixtures.certificate(certificate)])
        switch verifier.verify(document.root) {
        case .success: return nil
        case .failure(let rejection): return rejection
        }
    }

    private func signed(
        _ key: String = "idp", _ algorithm: XMLSignatureAlgorithm = .rsaSHA256
    ) throws -> String {
        let document = try XMLDocument(parsing: Array(plain.utf8), bytesMax: 1000)
        try Fixtures.signer(key, algorithm).sign(document.root)
        return String(decoding: document.serialized(), as: UTF8.self)
    }

    @Test("no signature, or one of a child only, is no signature")
    func absent() throws {
        #expect(try verify(plain) == .absent)
        #expect(try verify("<x>\(try signed().slice(from: "<a", through: "</a>"))</x>") == .absent)
    }

    @Test("any change of the content makes it invalid")
    func altered() throws {
        let xml = try signed()
        #expect(try verify(xml) == nil)
        #expect(try verify(xml.replacing("text", "texT")) == .invalid)
        #expect(try verify(xml.replacing("<b>", "<b x='1'>")) == .invalid)
        #expect(try verify(xml.replacing("</a>", "<d/></a>")) == .invalid)
        #expect(try verify(xml.replacing("</a>", " </a>")) == .invalid)
    }

    @Test("another key's signature is invalid, also when the message brings its certificate")
    func wrongKey() throws {
        #expect(try verify(try signed("stranger")) == .invalid)
        #expect(try verify(try signed("stranger"), by: "stranger") == nil)
        #expect(try verify(try signed("elliptic", .ecdsaSHA256)) == .invalid)
    }

    @Test("a second certificate is tried, as while a provider changes keys")
    func severalCertificates() throws {
        let document = try XMLDocument(parsing: Array(try signed().utf8), bytesMax: 100_000)
        let verifier = XMLSignatureVerifier(certificates: [
            try Fixtures.certificate("stranger"), try Fixtures.certificate("idp"),
        ])
        #expect(throws: Never.self) { try verifier.verify(document.root).get() }
        let none = XMLSignatureVerifier(certificates: [])
        #expect(throws: SignatureRejection.certificate) { try none.verify(document.root).get() }
    }

    @Test("each accepted algorithm signs and verifies", arguments: XMLSignatureAlgorithm.allCases)
    func algorithms(_ algorithm: XMLSignatureAlgorithm) throws {
        let elliptic: Set<XMLSignatureAlgorithm> = [.ecdsaSHA256, .ecdsaSHA384, .ecdsaSHA512]
        let key = elliptic.contains(algorithm) ? "elliptic" : "idp"
        let xml = try signed(key, algorithm)
        #expect(try verify(xml, by: key) == nil)
        #expect(try verify(xml.replacing("text", "texT"), by: key) == .invalid)
    }

    @Test(
        "algorithms that are not on the list are refused before any arithmetic",
        arguments: [
            ("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256"),
            ("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1"),
            ("2001/04/xmlenc#sha256", "2000/09/xmldsig#sha1"),
            (
                "CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#",
                "CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#WithComments"
            ),
            (
                "Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#",
                "Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116"
            ),
        ])
    func refusedAlgorithms(_ old: String, _ new: String) throws {
        let xml = try signed()
        #expect(xml.contains(old))
        #expect(try verify(xml.replacing(old, new)) == .algorithm)
    }

    @Test("the reference must be to the element itself")
    func reference() throws {
        let xml = try signed()
        for uri in ["", "#two", "#xpointer(/)", "#xpointer(id('one'))", "http://example.com/"] {
            #expect(
                try verify(xml.replacing("URI=\"#one\"", "URI=\"\(uri)\"")) == .reference, "\(uri)")
        }
        #expect(try verify(xml.replacing(" URI=\"#one\"", "")) == .reference)
    }

    @Test("parts that SAML does not use are refused")
    func shape() throws {
        let xml = try signed()
        let signature = xml.slice(from: "<ds:Signature ", through: "</ds:Signature>")
        let reference = xml.slice(from: "<ds:Reference", through: "</ds:Reference>")
        let info = xml.slice(from: "<ds:SignedInfo>", through: "</ds:SignedInfo>")
        let transform = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>"
        let changes: [(String, String)] = [
            (signature, signature + signature),
            (reference, reference + reference),
            (info, info + info),
            ("</ds:Signature>", "<ds:Object><x/></ds:Object></ds:Signature>"),
            (transform, transform + transform),
            (transform, ""),
            ("</ds:KeyInfo>", "</ds:KeyInfo><ds:KeyInfo/>"),
        ]
        for (old, new) in changes {
            #expect(!old.isEmpty && xml.contains(old))
            #expect(try verify(xml.replacing(old, new)) == .shape, "\(new.prefix(40))")
        }
    }

    @Test("a digest with a comment in it is read as a whole or not at all")
    func commentInDigest() throws {
        let xml = try signed()
        let digest = xml.slice(from: "<ds:DigestValue>", through: "</ds:DigestValue>")
        let split = digest.replacing("<ds:DigestValue>", "<ds:DigestValue>AAAA<!-- -->")
        #expect(try verify(xml.replacing(digest, split)) == .invalid)
    }

    @Test("an RSA key of 1024 bits and bytes that are no certificate are not accepted")
    func weakCertificates() throws {
        #expect(SigningCertificate(der: try Fixtures.bytes("weak.cert.der")) == nil)
        #expect(SigningCertificate(der: []) == nil)
        #expect(SigningCertificate(der: [1, 2, 3]) == nil)
        let whole = try Fixtures.bytes("idp.cert.der")
        #expect(SigningCertificate(der: whole + [0]) == nil)
        #expect(SigningCertificate(der: Array(whole.dropLast())) == nil)
        #expect(try Fixtures.certificate("idp").notAfterSeconds == 2_082_585_600)
    }

    @Test("what cannot be signed is refused: no ID, an ID that is no name, a key of another kind")
    func unsignable() throws {
        for text in ["<a/>", "<a ID=''/>", "<a ID='1'/>", "<a ID=\"x')\"/>"] {
            let document = try XMLDocument(parsing: Array(text.utf8), bytesMax: 1000)
            #expect(throws: XMLSigningError.self, "\(text)") {
                try Fixtures.signer("idp").sign(document.root)
            }
        }
        let document = try XMLDocument(parsing: Array(plain.utf8), bytesMax: 1000)
        #expect(throws: XMLSigningError.self) {
            try Fixtures.signer("elliptic", .rsaSHA256).sign(document.root)
        }
        #expect(document.root.children.map(\.name) == ["b", "c"])
    }
}
