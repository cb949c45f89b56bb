package import Foundation
package import RPC
import SwiftASN1
import X509

/// Loads what a process shows of itself, and checks it before any connection is made.
package enum ServiceIdentity {
    /// Reads chain, key and roots, and checks that the certificate is the expected identity's and
    /// in force.
    ///
    /// Throws `PKIError` saying which file and what to do.
    package static func load(
        _ files: IdentityFiles, roots: String, expected: PeerIdentity, trustDomain: String,
        now: Date = Date()
    ) throws -> TLSIdentity {
        let remedy = "Make it with portolan pki, or name the right pki.directory."
        let chain = try CertificateFile.read(files.certificate, remedy: remedy)
        let key = try PKIFiles.read(files.key, remedy: remedy)
        let rootChain = try CertificateFile.read(roots, remedy: remedy)
        let spiffeID = expected.spiffeID(trustDomain: trustDomain)
        guard CertificateFile.uri(chain[0]) == spiffeID else {
            throw PKIError(
                .invalidCertificate,
                "\(files.certificate) is not the certificate of \(spiffeID).", remedy: remedy)
        }
        for (path, certificate) in chain.map({ (files.certificate, $0) })
            + rootChain.map({ (roots, $0) })
        {
            try checkInForce(certificate, path, now)
        }
        return TLSIdentity(
            certificateChain: try pem(chain), privateKey: Array(key.utf8),
            trustRoots: try pem(rootChain), trustDomain: trustDomain)
    }

    /// The identity of one service of a Region, from its PKI directory.
    package static func load(
        _ service: ServiceName, configuration: RegionConfiguration, now: Date = Date()
    ) throws -> TLSIdentity {
        let layout = PKILayout(directory: configuration.pkiDirectory)
        return try load(
            layout.service(service, region: configuration.region), roots: layout.root,
            expected: .service(name: service.rawValue, region: configuration.region),
            trustDomain: configuration.trustDomain, now: now)
    }

    /// The identity of whichever operator the certificate names.
    package static func loadOperator(
        _ files: IdentityFiles, roots: String, trustDomain: String, now: Date = Date()
    ) throws -> TLSIdentity {
        let chain = try CertificateFile.read(
            files.certificate, remedy: "Make it with portolan pki operator.")
        guard let uri = CertificateFile.uri(chain[0]),
            let identity = PeerIdentity(spiffeID: uri, trustDomain: trustDomain),
            case .operator = identity
        else {
            throw PKIError(
                .invalidCertificate,
                "\(files.certificate) is not an operator's certificate of \(trustDomain).",
                remedy: "Make one with portolan pki operator.")
        }
        return try load(
            files, roots: roots, expected: identity, trustDomain: trustDomain, now: now)
    }

    private static func checkInForce(
        _ certificate: Certificate, _ path: String, _ now: Date
    ) throws {
        guard now < certificate.notValidAfter else {
            throw PKIError(
                .invalidCertificate,
                "A certificate in \(path) ended on \(certificate.notValidAfter.formatted(.iso8601)).",
                remedy: "Move its directory away and make it again with portolan pki.")
        }
        guard now >= certificate.notValidBefore else {
            throw PKIError(
                .invalidCertificate,
                "A certificate in \(path) is in force from "
                    + "\(certificate.notValidBefore.formatted(.iso8601)) only.",
                remedy: "Check this machine's clock.")
        }
    }

    private static func pem(_ chain: [Certificate]) throws -> [UInt8] {
        Array(try chain.map { try $0.serializeAsPEM().pemString + "\n" }.joined().utf8)
    }
}
