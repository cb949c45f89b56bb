import Crypto
import Foundation
import SwiftASN1
import X509

/// A certificate authority in memory: its chain below the root, and its key.
struct Authority {
    let certificate: Certificate
    let key: P256.Signing.PrivateKey
}

/// Makes certificates. Pure: time and keys come in, certificates come out.
struct CertificateFactory {
    let trustDomain: String
    let now: Date

    /// Clocks of other machines may be behind by this much.
    static let backdating: TimeInterval = 300

    /// A self-signed root of two levels: issuers, then identities.
    func root(key: P256.Signing.PrivateKey, validDays: Int) throws -> Certificate {
        let subject = try DistinguishedName {
            OrganizationName(trustDomain)
            CommonName("Portolan root")
        }
        return try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(),
            publicKey: Certificate.PublicKey(key.publicKey), notValidBefore: start,
            notValidAfter: end(validDays), issuer: subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 1))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: Certificate.PublicKey(key.publicKey))
                SubjectAlternativeNames([.uniformResourceIdentifier("spiffe://\(trustDomain)")])
            },
            issuerPrivateKey: Certificate.PrivateKey(key))
    }

    /// An issuer of identities, confined to this trust domain (RFC 5280 4.2.1.10: a URI constraint
    /// speaks of the host, which in a SPIFFE ID is the trust domain).
    func issuer(
        name: String, key: P256.Signing.PrivateKey, root: Authority, validDays: Int
    ) throws -> Certificate {
        try certificate(
            subject: try DistinguishedName {
                OrganizationName(trustDomain)
                CommonName("Portolan issuer \(name)")
            }, key: key, issuer: root, validDays: validDays,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                Critical(NameConstraints(permittedURIDomains: [trustDomain]))
                SubjectKeyIdentifier(hash: Certificate.PublicKey(key.publicKey))
                try authorityKeyIdentifier(root)
            })
    }

    /// A service or operator: one URI SAN, and the names its clients may dial.
    func identity(
        commonName: String, spiffeID: String, hosts: [String], serves: Bool,
        key: P256.Signing.PrivateKey, issuer: Authority, validDays: Int
    ) throws -> Certificate {
        try leaf(
            commonName: commonName,
            names: [.uniformResourceIdentifier(spiffeID)] + hosts.map(Self.name),
            usages: serves ? [.serverAuth, .clientAuth] : [.clientAuth], key: key, issuer: issuer,
            validDays: validDays)
    }

    /// A web server: host names only.
    func webServer(
        hosts: [String], key: P256.Signing.PrivateKey, issuer: Authority, validDays: Int
    ) throws -> Certificate {
        try leaf(
            commonName: hosts.first ?? "portal", names: hosts.map(Self.name), usages: [.serverAuth],
            key: key, issuer: issuer, validDays: validDays)
    }

    /// Another certificate for the names and uses of an existing one.
    func renewed(
        _ old: Certificate, key: P256.Signing.PrivateKey, issuer: Authority, validDays: Int
    ) throws -> Certificate {
        var extensions = old.extensions
        extensions.remove(.X509ExtensionID.subjectKeyIdentifier)
        extensions.remove(.X509ExtensionID.authorityKeyIdentifier)
        try extensions.append(
            Certificate.Extension(
                SubjectKeyIdentifier(hash: Certificate.PublicKey(key.publicKey)), critical: false))
        try extensions.append(
            Certificate.Extension(try authorityKeyIdentifier(issuer), critical: false))
        return try certificate(
            subject: old.subject, key: key, issuer: issuer, validDays: validDays,
            extensions: extensions)
    }

    private func leaf(
        commonName: String, names: [GeneralName], usages: [ExtendedKeyUsage.Usage],
        key: P256.Signing.PrivateKey, issuer: Authority, validDays: Int
    ) throws -> Certificate {
        try certificate(
            subject: try DistinguishedName {
                OrganizationName(trustDomain)
                CommonName(String(commonName.prefix(64)))
            }, key: key, issuer: issuer, validDays: validDays,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage(usages)
                SubjectAlternativeNames(names)
                SubjectKeyIdentifier(hash: Certificate.PublicKey(key.publicKey))
                try authorityKeyIdentifier(issuer)
            })
    }

    /// Never valid longer than its issuer.
    private func certificate(
        subject: DistinguishedName, key: P256.Signing.PrivateKey, issuer: Authority,
        validDays: Int, extensions: Certificate.Extensions
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(),
            publicKey: Certificate.PublicKey(key.publicKey), notValidBefore: start,
            notValidAfter: min(end(validDays), issuer.certificate.notValidAfter),
            issuer: issuer.certificate.subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions,
            issuerPrivateKey: Certificate.PrivateKey(issuer.key))
    }

    private func authorityKeyIdentifier(_ issuer: Authority) throws -> AuthorityKeyIdentifier {
        AuthorityKeyIdentifier(
            keyIdentifier: try issuer.certificate.extensions.subjectKeyIdentifier?.keyIdentifier)
    }

    private var start: Date { now.addingTimeInterval(-Self.backdating) }
    private func end(_ days: Int) -> Date { now.addingTimeInterval(Double(days) * 86_400) }

    /// An IP address as such, anything else as a DNS name.
    static func name(_ host: String) -> GeneralName {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, host, &bytes) == 1 {
                return .ipAddress(ASN1OctetString(contentBytes: bytes[...]))
            }
        }
        return .dnsName(host)
    }
}
