import XMLSignature

extension IdentityProviderMetadata {
    /// The signing certificates as DER, in document order.
    package var signingCertificatesDER: [[UInt8]] { certificates.map(\.der) }
}
