import CXMLSignature

/// Why an element is not accepted as signed.
package enum SignatureRejection: String, Error, Sendable {
    case absent = "SIGNATURE_ABSENT"
    /// More than one signature, or parts that SAML does not use.
    case shape = "SIGNATURE_SHAPE"
    /// An algorithm that is not on the list (SHA-1 and HMAC are not).
    case algorithm = "SIGNATURE_ALGORITHM"
    /// The signature is over another element than the one it stands in.
    case reference = "SIGNATURE_REFERENCE"
    /// No usable certificate to verify with.
    case certificate = "SIGNATURE_CERTIFICATE"
    /// Made by another key, or the content was altered.
    case invalid = "SIGNATURE_INVALID"
    case outOfMemory = "SIGNATURE_OUT_OF_MEMORY"

    fileprivate init(_ status: cxml_signature_status) {
        switch status {
        case CXML_SIGNATURE_ABSENT: self = .absent
        case CXML_SIGNATURE_SHAPE: self = .shape
        case CXML_SIGNATURE_ALGORITHM: self = .algorithm
        case CXML_SIGNATURE_REFERENCE: self = .reference
        case CXML_SIGNATURE_CERTIFICATE: self = .certificate
        case CXML_SIGNATURE_OUT_OF_MEMORY: self = .outOfMemory
        default: self = .invalid
        }
    }
}

/// An element whose signature was verified. Only `XMLSignatureVerifier` makes one.
package struct VerifiedElement {
    /// The element, with what is below it. Nothing outside it can be reached from here.
    package let element: XMLElement

    fileprivate init(_ element: XMLElement) {
        self.element = element
    }
}

/// Verifies enveloped signatures with given certificates, never with what a document brings along.
///
/// Accepted: one signature per element, over that element by its `ID`, the transforms
/// enveloped-signature and exclusive canonicalisation, RSA (2048 bits at least) or ECDSA with
/// SHA-256, SHA-384 or SHA-512. Source: SAML 2.0 core, section 5.4.
package struct XMLSignatureVerifier: Sendable {
    package let certificates: [SigningCertificate]

    package init(certificates: [SigningCertificate]) {
        self.certificates = certificates
    }

    /// Verifies the signature that stands as a direct child of the element.
    package func verify(_ element: XMLElement) -> Result<VerifiedElement, SignatureRejection> {
        let keys: [OpaquePointer?] = certificates.map(\.key.pointer)
        let status = withExtendedLifetime(certificates) {
            cxml_verify(element.document.pointer, element.pointer, keys, keys.count)
        }
        guard status == CXML_SIGNATURE_VALID else { return .failure(SignatureRejection(status)) }
        return .success(VerifiedElement(element))
    }
}

/// A certificate whose key verifies signatures. Its dates and issuer are not looked at: it is
/// trusted because an administrator put it there.
package struct SigningCertificate: Sendable, Equatable {
    package let der: [UInt8]
    /// Seconds since 1970; for a warning to administrators.
    package let notAfterSeconds: Int64
    fileprivate let key: VerifyingKey

    /// Nil when it cannot be read or its key is neither RSA of 2048 bits or more nor EC.
    package init?(der: [UInt8]) {
        var notAfter: Int64 = 0
        let read = der.withUnsafeBufferPointer { buffer in
            cxml_certificate_read(
                cxml_bytes(bytes: buffer.baseAddress, count: buffer.count), &notAfter)
        }
        guard let read else { return nil }
        self.der = der
        notAfterSeconds = notAfter
        key = VerifyingKey(read)
    }

    package static func == (a: SigningCertificate, b: SigningCertificate) -> Bool {
        a.der == b.der
    }
}

/// Owns the key that was read from a certificate.
// The key never changes, and the library counts its uses atomically.
private final class VerifyingKey: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { cxml_key_free(pointer) }
}
