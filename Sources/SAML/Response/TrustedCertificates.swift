package import Foundation
import Synchronization
package import XMLSignature

/// The certificates of the identity provider, read once for as long as they stay the same.
///
/// They are told apart by all of their bytes: whatever is configured now is what counts.
package final class TrustedCertificates: Sendable {
    private struct Known {
        var encoded: [Data] = []
        var certificates: [SigningCertificate] = []
    }

    private let known = Mutex(Known())

    package init() {}

    /// Those of the certificates (DER) that can be used. With none of them every response is refused as
    /// `SAML_SIGNATURE_INVALID`.
    package func read(_ encoded: [Data]) -> [SigningCertificate] {
        let known = known.withLock { $0 }
        if known.encoded == encoded { return known.certificates }
        let certificates = encoded.compactMap { SigningCertificate(der: Array($0)) }
        self.known.withLock { $0 = Known(encoded: encoded, certificates: certificates) }
        return certificates
    }
}
