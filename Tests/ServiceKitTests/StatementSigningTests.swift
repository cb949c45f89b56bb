import Foundation
import RPC
import Testing

@testable import ServiceKit

@Suite("Signed statements")
struct StatementSigningTests {
    private let directory = NSTemporaryDirectory() + "portolan-statements-\(UUID().uuidString)"
    private let text = Data("what is said".utf8)

    private func pki(_ name: String, _ trustDomain: String = "portolan.test") throws -> PKI {
        let pki = PKI(directory: "\(directory)/\(name)")
        try pki.makeRoot(trustDomain: trustDomain)
        try pki.makeRegion("eu-central-1", hosts: ["localhost"])
        return pki
    }

    private func signer(_ pki: PKI, _ service: ServiceName = .coordinator) -> StatementSigner {
        StatementSigner(pki.layout.service(service, region: "eu-central-1"))
    }

    private func verifier(
        _ pki: PKI, _ trustDomain: String = "portolan.test"
    ) throws -> StatementVerifier {
        try StatementVerifier(roots: pki.layout.root, trustDomain: trustDomain)
    }

    private func clear() { try? FileManager.default.removeItem(atPath: directory) }

    @Test(
        "what was altered, is of another kind or another root, or has no signature, has no signer")
    func refused() async throws {
        defer { clear() }
        let pki = try pki("ours")
        let verifier = try verifier(pki)
        let good = try signer(pki).sign("kind/1", text)
        var statement = good
        statement.statement.append(0)
        #expect(await verifier.signer(of: statement, kind: "kind/1", at: .now) == nil)
        #expect(await verifier.signer(of: good, kind: "kind/2", at: .now) == nil)
        var unsigned = good
        unsigned.signature = Data()
        #expect(await verifier.signer(of: unsigned, kind: "kind/1", at: .now) == nil)
        var bare = good
        bare.certificates = []
        #expect(await verifier.signer(of: bare, kind: "kind/1", at: .now) == nil)
        bare.certificates = [good.certificates[0]]
        #expect(await verifier.signer(of: bare, kind: "kind/1", at: .now) == nil)
        let other = try self.pki("other")
        let foreign = try signer(other).sign("kind/1", text)
        #expect(await verifier.signer(of: foreign, kind: "kind/1", at: .now) == nil)
        let domain = try self.verifier(pki, "elsewhere.test")
        #expect(await domain.signer(of: good, kind: "kind/1", at: .now) == nil)
    }

    @Test("a certificate that was not in force at the time signs nothing")
    func expired() async throws {
        defer { clear() }
        let pki = try pki("ours")
        let good = try signer(pki).sign("kind/1", text)
        let verifier = try verifier(pki)
        let (before, after) = (Date.now.addingTimeInterval(-86_400), Date.distantFuture)
        #expect(await verifier.signer(of: good, kind: "kind/1", at: before) == nil)
        #expect(await verifier.signer(of: good, kind: "kind/1", at: after) == nil)
    }

    @Test("the signer is whom the certificate names")
    func signed() async throws {
        defer { clear() }
        let pki = try pki("ours")
        let verifier = try verifier(pki)
        for service in [ServiceName.coordinator, .portal] {
            let signed = try signer(pki, service).sign("kind/1", text)
            let found = await verifier.signer(of: signed, kind: "kind/1", at: .now)
            #expect(found == .service(name: service.rawValue, region: "eu-central-1"))
        }
    }

    @Test("a key of another certificate signs nothing")
    func mismatch() throws {
        defer { clear() }
        let pki = try pki("ours")
        let coordinator = pki.layout.service(.coordinator, region: "eu-central-1")
        let portal = pki.layout.service(.portal, region: "eu-central-1")
        let mixed = IdentityFiles(certificate: coordinator.certificate, key: portal.key)
        #expect(throws: PKIError.self) { try StatementSigner(mixed).sign("kind/1", text) }
    }
}
