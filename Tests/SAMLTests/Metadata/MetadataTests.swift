import Foundation
import SAML
import Testing
import XMLSignature

@Suite("Metadata")
struct MetadataTests {
    private func failure(_ xml: String) -> MetadataError? {
        do throws(MetadataError) {
            _ = try IdentityProviderMetadata(parsing: Array(xml.utf8))
            return nil
        } catch {
            return error
        }
    }

    @Test("what does not describe one usable identity provider is refused with its reason")
    func refused() throws {
        let xml = try Fixtures.text("idp-metadata.xml")
        let prefix = String(
            xml.slice(from: "<", through: ":EntityDescriptor").dropFirst().prefix(3))
        #expect(xml.contains("<\(prefix):EntityDescriptor"))
        let key = xml.slice(from: "<\(prefix):KeyDescriptor", through: "</\(prefix):KeyDescriptor>")
        #expect(!key.isEmpty)
        #expect(failure(xml) == nil)
        #expect(failure(String(repeating: " ", count: 75_001)) == .tooLarge)
        #expect(failure("<a") == .notXML(.malformed))
        #expect(failure("<!DOCTYPE a><a/>") == .notXML(.documentType))
        #expect(failure("<a/>") == .notOneEntity)
        #expect(failure(xml.replacing("entityID=", "other=")) == .entityIDMissing)
        #expect(
            failure(xml.replacing("IDPSSODescriptor", "SPSSODescriptor")) == .notAnIdentityProvider)
        #expect(
            failure(xml.replacing("https://idp.example.com/sso", "http://idp.example.com/sso"))
                == .signInAddressMissing)
        #expect(
            failure(xml.replacing("https://idp.example.com/sso", "javascript:alert(1)"))
                == .signInAddressMissing)
        #expect(
            failure(xml.replacing("use=\"signing\"", "use=\"encryption\"")) == .certificateMissing)
        #expect(failure(xml.replacing("MII", "AII")) == .certificateUnusable)
        #expect(
            failure(xml.replacing(key, String(repeating: key, count: 11))) == .tooManyCertificates)
    }

    @Test("several certificates are kept, equal ones once")
    func certificates() throws {
        let xml = try Fixtures.text("idp-metadata.xml")
        let certificate = xml.slice(from: "X509Certificate>", through: "<")
            .replacing("X509Certificate>", "").replacing("<", "")
        let key = xml.slice(from: "<ns0:KeyDescriptor", through: "</ns0:KeyDescriptor>")
        let other = try Fixtures.bytes("elliptic.cert.der")
        let added = key.replacing(certificate, base64(other))
        let metadata = try IdentityProviderMetadata(
            parsing: Array(xml.replacing(key, key + key + added).utf8))
        #expect(
            metadata.certificates == [
                try Fixtures.certificate("idp"), try Fixtures.certificate("elliptic"),
            ])
    }

    private func base64(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString()
    }

    @Test("our document has one entity ID and a service for each Region, the primary's first")
    func serviceProvider() throws {
        let metadata = ServiceProviderMetadata(
            entityID: Fixtures.serviceProvider,
            services: [
                AssertionConsumerService(
                    region: "us-east-1", url: "https://a.example/acs", index: 0),
                AssertionConsumerService(
                    region: "eu-west-1", url: "https://b.example/acs", index: 1),
            ], defaultRegion: "eu-west-1")
        let root = try XMLDocument(parsing: try metadata.xml(), bytesMax: 10_000).root
        let space = "urn:oasis:names:tc:SAML:2.0:metadata"
        #expect(root.isNamed("EntityDescriptor", in: space))
        #expect(root.attribute("entityID") == Fixtures.serviceProvider)
        let descriptor = try #require(root.children("SPSSODescriptor", in: space).first)
        #expect(descriptor.attribute("WantAssertionsSigned") == "true")
        #expect(
            descriptor.children("NameIDFormat", in: space).map(\.text)
                == ["urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"])
        let services = descriptor.children("AssertionConsumerService", in: space)
        #expect(
            services.map { $0.attribute("Location") } == [
                "https://b.example/acs", "https://a.example/acs",
            ])
        #expect(services.map { $0.attribute("index") } == ["1", "0"])
        #expect(services.map { $0.attribute("isDefault") } == ["true", "false"])
    }
}
