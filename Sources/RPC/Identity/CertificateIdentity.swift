import NIOSSL
import SwiftASN1
import X509

extension PeerIdentity {
    /// Reads the identity from a certificate that TLS has verified.
    ///
    /// The certificate must have exactly one URI among its subject alternative names, and it must
    /// be a SPIFFE ID of the trust domain. Anything else is nil: nobody.
    init?(verified certificate: NIOSSLCertificate, trustDomain: String) {
        guard let bytes = try? certificate.toDERBytes(),
            let parsed = try? Certificate(derEncoded: bytes),
            let names = try? parsed.extensions.subjectAlternativeNames
        else { return nil }
        let uris = names.compactMap { name in
            if case .uniformResourceIdentifier(let uri) = name { uri } else { nil }
        }
        guard uris.count == 1, let uri = uris.first else { return nil }
        self.init(spiffeID: uri, trustDomain: trustDomain)
    }
}
