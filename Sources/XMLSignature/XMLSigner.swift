import CXMLSignature

/// An algorithm for enveloped signatures; digest and signature use the same hash.
package enum XMLSignatureAlgorithm: Sendable, CaseIterable {
    case rsaSHA256, rsaSHA384, rsaSHA512, ecdsaSHA256, ecdsaSHA384, ecdsaSHA512

    fileprivate var value: cxml_sign_algorithm {
        switch self {
        case .rsaSHA256: CXML_SIGN_RSA_SHA256
        case .rsaSHA384: CXML_SIGN_RSA_SHA384
        case .rsaSHA512: CXML_SIGN_RSA_SHA512
        case .ecdsaSHA256: CXML_SIGN_ECDSA_SHA256
        case .ecdsaSHA384: CXML_SIGN_ECDSA_SHA384
        case .ecdsaSHA512: CXML_SIGN_ECDSA_SHA512
        }
    }
}

/// The element could not be signed: no usable `ID`, or the key does not fit the algorithm.
package struct XMLSigningError: Error, Sendable {}

/// Signs elements with a private key held in memory.
package struct XMLSigner: Sendable {
    private let privateKeyDER: [UInt8]
    private let certificateDER: [UInt8]
    private let algorithm: XMLSignatureAlgorithm

    /// - Parameters:
    ///   - privateKeyDER: PKCS #8 or the traditional form, not encrypted.
    ///   - certificateDER: put into `KeyInfo`; may be empty.
    package init(
        privateKeyDER: [UInt8], certificateDER: [UInt8], algorithm: XMLSignatureAlgorithm
    ) {
        self.privateKeyDER = privateKeyDER
        self.certificateDER = certificateDER
        self.algorithm = algorithm
    }

    /// Adds an enveloped signature to the element, behind its `Issuer` if it has one.
    ///
    /// - Throws: `XMLSigningError`.
    package func sign(_ element: XMLElement) throws(XMLSigningError) {
        let signed = privateKeyDER.withUnsafeBufferPointer { key in
            certificateDER.withUnsafeBufferPointer { certificate in
                cxml_sign(
                    element.document.pointer, element.pointer, algorithm.value,
                    cxml_bytes(bytes: key.baseAddress, count: key.count),
                    cxml_bytes(bytes: certificate.baseAddress, count: certificate.count))
            }
        }
        guard signed else { throw XMLSigningError() }
    }
}
