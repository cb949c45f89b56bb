import Foundation
import RPC
import SwiftASN1
package import X509

/// Reads certificate files and says what is in them.
package enum CertificateFile {
    /// All certificates of a PEM file, in order; at least one.
    ///
    /// Throws `PKIError` NOT_FOUND, UNREADABLE, INVALID_CERTIFICATE.
    package static func read(_ path: String, remedy: String) throws -> [Certificate] {
        let text = try PKIFiles.read(path, remedy: remedy)
        guard let documents = try? PEMDocument.parseMultiple(pemString: text), !documents.isEmpty,
            let chain = try? documents.map({ try Certificate(pemDocument: $0) })
        else {
            throw PKIError(
                .invalidCertificate, "\(path) is not a PEM file of certificates.", remedy: remedy)
        }
        return chain
    }

    /// The one URI of the subject alternative names, if there is exactly one.
    package static func uri(_ certificate: Certificate) -> String? {
        guard let names = try? certificate.extensions.subjectAlternativeNames else { return nil }
        var uris: [String] = []
        for case .uniformResourceIdentifier(let uri) in names { uris.append(uri) }
        return uris.count == 1 ? uris[0] : nil
    }

    /// Host names and IP addresses it speaks for.
    package static func hosts(_ certificate: Certificate) -> [String] {
        guard let names = try? certificate.extensions.subjectAlternativeNames else { return [] }
        return names.compactMap { name in
            switch name {
            case .dnsName(let host): host
            case .ipAddress(let address): text(ofAddress: Array(address.bytes))
            default: nil
            }
        }
    }

    /// The trust domain a root was made for.
    package static func trustDomain(_ root: Certificate) -> String? {
        guard let uri = uri(root), uri.hasPrefix("spiffe://") else { return nil }
        let domain = String(uri.dropFirst("spiffe://".count))
        return PKI.isTrustDomain(domain) ? domain : nil
    }

    private static func text(ofAddress bytes: [UInt8]) -> String? {
        switch bytes.count {
        case 4: bytes.map(String.init).joined(separator: ".")
        case 16:
            stride(from: 0, to: 16, by: 2)
                .map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
                .joined(separator: ":")
        default: nil
        }
    }
}
