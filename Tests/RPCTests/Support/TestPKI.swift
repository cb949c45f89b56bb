import Crypto
import Foundation
import SwiftASN1
import X509

@testable import RPC

/// A root and certificates under it, made for one test.
struct TestPKI {
    let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
    let root: Certificate
    static let trustDomain = "test.example"

    init() throws {
        let name = try DistinguishedName { CommonName("root") }
        root = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey,
            notValidBefore: .now - 3600, notValidAfter: .now + 3600, issuer: name, subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true))
            },
            issuerPrivateKey: key)
    }

    /// A certificate with the given URI names.
    func identity(
        uris: [String], notAfter: Date = .now + 3600, trusting other: TestPKI? = nil
    ) throws -> TLSIdentity {
        let leafKey = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let leaf = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: leafKey.publicKey,
            notValidBefore: .now - 7200, notValidAfter: notAfter, issuer: root.subject,
            subject: try DistinguishedName { CommonName("leaf") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames(uris.map { .uniformResourceIdentifier($0) })
            },
            issuerPrivateKey: key)
        return TLSIdentity(
            certificateChain: Array(try leaf.serializeAsPEM().pemString.utf8),
            privateKey: Array(try leafKey.serializeAsPEM().pemString.utf8),
            trustRoots: Array(try (other ?? self).root.serializeAsPEM().pemString.utf8),
            trustDomain: Self.trustDomain)
    }

    func identity(_ peer: PeerIdentity) throws -> TLSIdentity {
        try identity(uris: [peer.spiffeID(trustDomain: Self.trustDomain)])
    }
}
