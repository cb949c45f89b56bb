import Crypto
package import Foundation
import RPC
import SystemPackage
import SwiftASN1
import X509

/// Makes the certificates of an installation: a root, an issuer per Region and one for operators,
/// and identities below them. P-256 throughout. Never overwrites a file.
package struct PKI: Sendable {
    package let layout: PKILayout
    private let now: Date

    package init(directory: String, now: Date = Date()) {
        self.layout = PKILayout(directory: directory)
        self.now = now
    }

    /// How long certificates are valid, in days, counted from now.
    package struct Validity: Sendable {
        package var root = 3_650
        package var issuer = 1_825
        package var identity = 365
        package init() {}
    }

    /// Makes the root and the operators' issuer.
    ///
    /// Throws `PKIError` ALREADY_EXISTS, INVALID_NAME, CANNOT_WRITE.
    package func makeRoot(trustDomain: String, validity: Validity = Validity()) throws {
        guard Self.isTrustDomain(trustDomain) else {
            throw PKIError(
                .invalidName, "\"\(trustDomain)\" is not a trust domain.",
                remedy: "Use a name such as portolan.example: lower-case letters, digits, dots, "
                    + "dashes; at most 200 characters.")
        }
        try refuse(
            layout.root,
            remedy: "A new root would cut off every identity issued below it. Choose "
                + "another --directory, or move the old one away first.")
        try PKIFiles.makeDirectory(layout.directory)
        let factory = CertificateFactory(trustDomain: trustDomain, now: now)
        let key = P256.Signing.PrivateKey()
        let root = Authority(
            certificate: try factory.root(key: key, validDays: validity.root), key: key)
        try write([root.certificate], key, to: layout.rootFiles)
        try makeIssuer("operators", files: layout.operatorIssuer, factory, root, validity)
    }

    /// Makes a Region's issuer, the identities of its services and its web server's certificate.
    ///
    /// `hosts` are the DNS names and addresses the Region's services are reached by; the first DNS
    /// name is the portal's. Throws `PKIError` ALREADY_EXISTS, NOT_FOUND, INVALID_NAME.
    package func makeRegion(
        _ region: String, hosts: [String], validity: Validity = Validity()
    ) throws {
        guard RegionConfiguration.isRegionName(region) else {
            throw PKIError(
                .invalidName, "\"\(region)\" is not a Region name.",
                remedy: "Use a name such as eu-central-1.")
        }
        guard !hosts.isEmpty, hosts.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 253 }) else {
            throw PKIError(
                .invalidName, "A Region needs the names its services are reached by.",
                remedy: "Add --host NAME, once per DNS name or IP address.")
        }
        let root = try loadRoot()
        try refuse(
            layout.regionDirectory(region),
            remedy: "To make Region \(region) anew, move that "
                + "directory and \(layout.directory)/issuers/\(region) away first.")
        let factory = try self.factory(root)
        let issuer = try makeIssuer(
            region, files: layout.issuer(ofRegion: region), factory, root, validity)
        for service in ServiceName.allCases {
            let identity = PeerIdentity.service(name: service.rawValue, region: region)
            let key = P256.Signing.PrivateKey()
            let leaf = try factory.identity(
                commonName: "\(service.rawValue) \(region)",
                spiffeID: identity.spiffeID(trustDomain: factory.trustDomain), hosts: hosts,
                serves: true, key: key, issuer: issuer, validDays: validity.identity)
            try write(
                [leaf, issuer.certificate], key, to: layout.service(service, region: region))
        }
        let key = P256.Signing.PrivateKey()
        let web = try factory.webServer(
            hosts: hosts, key: key, issuer: issuer, validDays: validity.identity)
        try write([web, issuer.certificate], key, to: layout.https(region: region))
    }

    /// Makes an operator's identity. What the operator may do is said by each Region's
    /// configuration (`operators`), not by the certificate.
    package func makeOperator(_ name: String, validity: Validity = Validity()) throws {
        let root = try loadRoot()
        let factory = try self.factory(root)
        let spiffeID = PeerIdentity.operator(name: name).spiffeID(trustDomain: factory.trustDomain)
        guard PeerIdentity(spiffeID: spiffeID, trustDomain: factory.trustDomain) != nil else {
            throw PKIError(
                .invalidName, "\"\(name)\" cannot be an operator's name.",
                remedy: "Use 1 to 64 letters, digits, dots, dashes or underscores.")
        }
        let files = layout.operatorIdentity(name)
        try refuse(
            files.certificate, remedy: "To give \(name) a new key, move that directory away first.")
        let issuer = try load(layout.operatorIssuer, remedy: "Run portolan pki init first.")
        let key = P256.Signing.PrivateKey()
        let leaf = try factory.identity(
            commonName: "operator \(name)", spiffeID: spiffeID, hosts: [], serves: false, key: key,
            issuer: issuer, validDays: validity.identity)
        try write([leaf, issuer.certificate], key, to: files)
    }

    /// Gives an identity a new key and certificate for the same names, below the same issuer.
    ///
    /// The key is replaced first and the certificate last, which is what running services watch.
    /// Throws `PKIError` NOT_FOUND, INVALID_CERTIFICATE, CANNOT_WRITE.
    package func renew(
        _ files: IdentityFiles, issuer issuerFiles: IdentityFiles, validity: Validity = Validity()
    ) throws {
        let remedy = "Make it first with portolan pki region or portolan pki operator."
        let old = try CertificateFile.read(files.certificate, remedy: remedy)[0]
        let issuer = try load(issuerFiles, remedy: remedy)
        let factory = try self.factory(try loadRoot())
        let key = P256.Signing.PrivateKey()
        let leaf = try factory.renewed(
            old, key: key, issuer: issuer, validDays: validity.identity)
        try PKIFiles.replace(files.key, key.pemRepresentation + "\n", mode: [.ownerReadWrite])
        try PKIFiles.replace(
            files.certificate, try Self.pem([leaf, issuer.certificate]),
            mode: [.ownerReadWrite, .groupRead, .otherRead])
    }

    /// Lower-case letters, digits, dots and dashes; at most 200 characters (SPIFFE ID, 2.1).
    package static func isTrustDomain(_ text: String) -> Bool {
        func isOuter(_ byte: UInt8) -> Bool { byte.isLowercaseLetter || byte.isDigit }
        guard (1...200).contains(text.utf8.count), let first = text.utf8.first,
            let last = text.utf8.last
        else { return false }
        return isOuter(first) && isOuter(last)
            && text.utf8.allSatisfy {
                isOuter($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
            }
    }

    private func loadRoot() throws -> Authority {
        try load(
            layout.rootFiles,
            remedy: "Run portolan pki init --directory \(layout.directory) "
                + "--trust-domain <name> first.")
    }

    private func load(_ files: IdentityFiles, remedy: String) throws -> Authority {
        let chain = try CertificateFile.read(files.certificate, remedy: remedy)
        let text = try PKIFiles.read(files.key, remedy: remedy)
        guard let certificate = chain.first,
            let key = try? P256.Signing.PrivateKey(pemRepresentation: text),
            Certificate.PublicKey(key.publicKey) == certificate.publicKey
        else {
            throw PKIError(
                .invalidCertificate, "\(files.key) does not hold the key of \(files.certificate).",
                remedy: "Restore both files from one backup.")
        }
        return Authority(certificate: certificate, key: key)
    }

    private func factory(_ root: Authority) throws -> CertificateFactory {
        guard let trustDomain = CertificateFile.trustDomain(root.certificate) else {
            throw PKIError(
                .invalidCertificate, "\(layout.root) names no trust domain.",
                remedy: "Use the root that portolan pki init made.")
        }
        return CertificateFactory(trustDomain: trustDomain, now: now)
    }

    @discardableResult
    private func makeIssuer(
        _ name: String, files: IdentityFiles, _ factory: CertificateFactory, _ root: Authority,
        _ validity: Validity
    ) throws -> Authority {
        let key = P256.Signing.PrivateKey()
        let certificate = try factory.issuer(
            name: name, key: key, root: root, validDays: validity.issuer)
        try write([certificate], key, to: files)
        return Authority(certificate: certificate, key: key)
    }

    private func refuse(_ path: String, remedy: String) throws {
        guard !PKIFiles.exists(path) else {
            throw PKIError(.alreadyExists, "\(path) exists already.", remedy: remedy)
        }
    }

    private func write(
        _ chain: [Certificate], _ key: P256.Signing.PrivateKey, to files: IdentityFiles
    ) throws {
        try PKIFiles.makeDirectory(URL(fileURLWithPath: files.key).deletingLastPathComponent().path)
        try PKIFiles.create(
            files.key, key.pemRepresentation + "\n", mode: [.ownerReadWrite])
        try PKIFiles.create(
            files.certificate, try Self.pem(chain),
            mode: [.ownerReadWrite, .groupRead, .otherRead])
    }

    private static func pem(_ chain: [Certificate]) throws -> String {
        try chain.map { try $0.serializeAsPEM().pemString + "\n" }.joined()
    }
}
