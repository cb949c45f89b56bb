import Foundation
import NIOSSL
import RPC
import Testing
import X509

@testable import ServiceKit

@Suite("PKI")
struct PKITests {
    /// A directory of its own, removed afterwards.
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "portolan-pki-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func code(_ body: () throws -> Void) -> PKIError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? PKIError)?.code }
    }

    @Test("a second root, Region or operator of the same name is refused and nothing changes")
    func refusesOverwrite() throws {
        try withDirectory { directory in
            let pki = PKI(directory: directory)
            try pki.makeRoot(trustDomain: "portolan.test")
            try pki.makeRegion("eu-central-1", hosts: ["localhost"])
            try pki.makeOperator("alice")
            let layout = pki.layout
            let paths = [
                layout.root, layout.rootFiles.key, layout.operatorIdentity("alice").key,
                layout.service(.keys, region: "eu-central-1").key,
            ]
            let before = try paths.map { try String(contentsOfFile: $0, encoding: .utf8) }
            #expect(code { try pki.makeRoot(trustDomain: "portolan.test") } == .alreadyExists)
            #expect(
                code { try pki.makeRegion("eu-central-1", hosts: ["localhost"]) } == .alreadyExists)
            #expect(code { try pki.makeOperator("alice") } == .alreadyExists)
            #expect(try paths.map { try String(contentsOfFile: $0, encoding: .utf8) } == before)
        }
    }

    @Test("names that cannot be identities are refused")
    func refusesNames() throws {
        try withDirectory { directory in
            let pki = PKI(directory: directory)
            #expect(code { try pki.makeRoot(trustDomain: "Not A Domain") } == .invalidName)
            #expect(code { try pki.makeOperator("alice") } == .notFound)
            try pki.makeRoot(trustDomain: "portolan.test")
            #expect(code { try pki.makeOperator("../alice") } == .invalidName)
            #expect(code { try pki.makeOperator("") } == .invalidName)
            #expect(code { try pki.makeRegion("Frankfurt", hosts: ["localhost"]) } == .invalidName)
            #expect(code { try pki.makeRegion("eu-central-1", hosts: []) } == .invalidName)
        }
    }

    @Test("each service's certificate names it in one URI, and its hosts")
    func identitiesParse() throws {
        try withDirectory { directory in
            let pki = PKI(directory: directory)
            try pki.makeRoot(trustDomain: "portolan.test")
            try pki.makeRegion("eu-west-1", hosts: ["eu-west-1.localhost", "127.0.0.1", "::1"])
            for service in ServiceName.allCases {
                let files = pki.layout.service(service, region: "eu-west-1")
                let chain = try CertificateFile.read(files.certificate, remedy: "")
                #expect(chain.count == 2)
                let uri = try #require(CertificateFile.uri(chain[0]))
                #expect(
                    PeerIdentity(spiffeID: uri, trustDomain: "portolan.test")
                        == .service(name: service.rawValue, region: "eu-west-1"))
                #expect(
                    CertificateFile.hosts(chain[0])
                        == ["eu-west-1.localhost", "127.0.0.1", "0:0:0:0:0:0:0:1"])
            }
            let https = try CertificateFile.read(
                pki.layout.https(region: "eu-west-1").certificate, remedy: "")
            #expect(CertificateFile.uri(https[0]) == nil)
        }
    }

    @Test("keys are PKCS#8 that only their owner may read")
    func keysArePrivate() throws {
        try withDirectory { directory in
            let pki = PKI(directory: directory)
            try pki.makeRoot(trustDomain: "portolan.test")
            try pki.makeOperator("alice")
            for path in [pki.layout.rootFiles.key, pki.layout.operatorIdentity("alice").key] {
                let text = try String(contentsOfFile: path, encoding: .utf8)
                #expect(text.hasPrefix("-----BEGIN PRIVATE KEY-----"))
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
                _ = try NIOSSLPrivateKey(file: path, format: .pem)
            }
        }
    }

    @Test("an issuer may issue identities only, and none outlives it")
    func issuersAreConfined() throws {
        try withDirectory { directory in
            let pki = PKI(directory: directory)
            var validity = PKI.Validity()
            validity.issuer = 10
            try pki.makeRoot(trustDomain: "portolan.test", validity: validity)
            try pki.makeRegion("eu-central-1", hosts: ["localhost"], validity: validity)
            let chain = try CertificateFile.read(
                pki.layout.service(.directory, region: "eu-central-1").certificate, remedy: "")
            #expect(
                try chain[1].extensions.basicConstraints
                    == .isCertificateAuthority(maxPathLength: 0))
            #expect(
                try chain[1].extensions.nameConstraints.map { Array($0.permittedURIDomains) }
                    == ["portolan.test"])
            #expect(try chain[0].extensions.basicConstraints == .notCertificateAuthority)
            #expect(chain[0].notValidAfter <= chain[1].notValidAfter)
        }
    }

    @Test("a renewed identity has the same names, a new key and a valid chain")
    func renewed() throws {
        try withDirectory { directory in
            let pki = PKI(directory: directory)
            try pki.makeRoot(trustDomain: "portolan.test")
            try pki.makeRegion("eu-central-1", hosts: ["localhost", "127.0.0.1"])
            let files = pki.layout.service(.portal, region: "eu-central-1")
            let issuer = pki.layout.issuer(ofRegion: "eu-central-1")
            let before = try CertificateFile.read(files.certificate, remedy: "")
            try pki.renew(files, issuer: issuer)
            let after = try CertificateFile.read(files.certificate, remedy: "")
            #expect(CertificateFile.uri(after[0]) == CertificateFile.uri(before[0]))
            #expect(CertificateFile.hosts(after[0]) == CertificateFile.hosts(before[0]))
            #expect(after[0].publicKey != before[0].publicKey)
            #expect(after[0].serialNumber != before[0].serialNumber)
            #expect(after[1] == before[1])
            #expect(after[1].publicKey.isValidSignature(after[0].signature, for: after[0]))
            let identity = try ServiceIdentity.load(
                files, roots: pki.layout.root,
                expected: .service(name: "portal", region: "eu-central-1"),
                trustDomain: "portolan.test")
            _ = try TLSIdentityStore(identity)
            let missing = pki.layout.operatorIdentity("nobody")
            #expect(code { try pki.renew(missing, issuer: pki.layout.operatorIssuer) } == .notFound)
        }
    }

    @Test("the inventory lists every certificate with the days it has left")
    func inventory() throws {
        try withDirectory { directory in
            #expect(
                code { _ = try PKIInventory.read(PKILayout(directory: directory)) } == .notFound)
            let now = Date()
            let pki = PKI(directory: directory, now: now)
            try pki.makeRoot(trustDomain: "portolan.test")
            try pki.makeRegion("eu-central-1", hosts: ["localhost"])
            try pki.makeOperator("alice")
            let items = try PKIInventory.read(pki.layout).items
            #expect(items.map(\.kind).filter { $0 == "service" }.count == 5)
            #expect(items.count == 1 + 2 + 6 + 1)
            let alice = try #require(items.first { $0.name == "alice" })
            #expect(alice.identity == "spiffe://portolan.test/operator/alice")
            #expect((364...365).contains(alice.daysLeft(now)))
        }
    }
}
