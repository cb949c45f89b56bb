package import Foundation
package import RPC
import SwiftASN1
@_spi(FixedExpiryValidationTime) import X509

/// What a service has stated, signed with the key of its certificate, so that whoever trusts the root
/// can check it later and without asking anybody.
package struct SignedStatement: Sendable, Hashable {
    package var statement: Data
    /// ECDSA with SHA-256, Ed25519, or RSA PKCS #1 v1.5 with SHA-256, whichever the key is for; over
    /// the kind of statement, a zero byte, and the statement.
    package var signature: Data
    /// DER, the signer's own first, without the root.
    package var certificates: [Data]

    package init(statement: Data, signature: Data, certificates: [Data]) {
        self.statement = statement
        self.signature = signature
        self.certificates = certificates
    }

    /// The kind keeps one statement from being taken for another, or for a message of TLS.
    fileprivate static func signed(_ kind: String, _ statement: Data) -> Data {
        Data(kind.utf8) + [0] + statement
    }
}

/// Signs statements with a service's identity as its files say it at that moment.
package struct StatementSigner: Sendable {
    private let files: IdentityFiles

    package init(_ files: IdentityFiles) { self.files = files }

    /// The identity of one service of a Region, from its PKI directory.
    package init(_ service: ServiceName, configuration: RegionConfiguration) {
        files = PKILayout(directory: configuration.pkiDirectory)
            .service(service, region: configuration.region)
    }

    /// Throws `PKIError` when the files cannot be read or do not belong together.
    package func sign(_ kind: String, _ statement: Data) throws -> SignedStatement {
        let remedy = "Make it with portolan pki."
        let chain = try CertificateFile.read(files.certificate, remedy: remedy)
        let text = try PKIFiles.read(files.key, remedy: remedy)
        guard let key = try? Certificate.PrivateKey(pemEncoded: text),
            key.publicKey == chain[0].publicKey, let algorithm = Self.algorithm(key),
            let signature = try? key.sign(
                bytes: SignedStatement.signed(kind, statement), signatureAlgorithm: algorithm)
        else {
            throw PKIError(
                .invalidCertificate, "\(files.key) is not the key of \(files.certificate).",
                remedy: remedy)
        }
        return SignedStatement(
            statement: statement, signature: Data(signature.rawRepresentation),
            certificates: try chain.map { certificate in
                var serializer = DER.Serializer()
                try serializer.serialize(certificate)
                return Data(serializer.serializedBytes)
            })
    }

    private static func algorithm(
        _ key: Certificate.PrivateKey
    ) -> Certificate.SignatureAlgorithm? {
        StatementVerifier.algorithms.first { key.supportedSignatureAlgorithms.contains($0) }
    }
}

/// Says who signed a statement.
package struct StatementVerifier: Sendable {
    fileprivate static let algorithms: [Certificate.SignatureAlgorithm] = [
        .ecdsaWithSHA256, .ed25519, .sha256WithRSAEncryption,
    ]
    /// Certificates of one statement, and the bytes of each.
    private static let chainMax = 8
    private static let certificateBytesMax = 16_384

    private let roots: [Certificate]
    private let trustDomain: String

    /// - Parameter roots: PEM file of the roots that signers must lead to.
    ///
    /// Throws `PKIError` when it cannot be read.
    package init(roots path: String, trustDomain: String) throws {
        roots = try CertificateFile.read(path, remedy: "Name the root of portolan pki.")
        self.trustDomain = trustDomain
    }

    /// The signer, whose certificate was in force at `time`; nil when signature or chain is not good.
    package func signer(
        of statement: SignedStatement, kind: String, at time: Date
    ) async -> PeerIdentity? {
        guard (1...Self.chainMax).contains(statement.certificates.count),
            statement.certificates.allSatisfy({ $0.count <= Self.certificateBytesMax }),
            let chain = try? statement.certificates.map({ try Certificate(derEncoded: Array($0)) }),
            let uri = CertificateFile.uri(chain[0]),
            let identity = PeerIdentity(spiffeID: uri, trustDomain: trustDomain)
        else { return nil }
        let bytes = SignedStatement.signed(kind, statement.statement)
        let isSigned = Self.algorithms.contains { algorithm in
            chain[0].publicKey.isValidSignature(
                statement.signature, for: bytes, signatureAlgorithm: algorithm)
        }
        guard isSigned else { return nil }
        var verifier = Verifier(rootCertificates: CertificateStore(roots)) {
            RFC5280Policy(fixedExpiryValidationTime: time)
        }
        let result = await verifier.validate(
            leaf: chain[0], intermediates: CertificateStore(chain.dropFirst()))
        guard case .validCertificate = result else { return nil }
        return identity
    }
}
