import Foundation
package import XMLSignature

/// Why a metadata document cannot be used.
package enum MetadataError: Error, Sendable, Equatable, CustomStringConvertible {
    case tooLarge
    case notXML(XMLParseError)
    /// The root is not one EntityDescriptor (nor an EntitiesDescriptor with exactly one).
    case notOneEntity
    /// 1 to 1024 characters are needed.
    case entityIDMissing
    case notAnIdentityProvider
    /// No sign-in address with the HTTP-Redirect or HTTP-POST binding over HTTPS.
    case signInAddressMissing
    case certificateMissing
    /// A signing certificate that cannot be read, is too long, or has too weak a key.
    case certificateUnusable
    case tooManyCertificates

    package var code: String {
        switch self {
        case .tooLarge: "SAML_METADATA_TOO_LARGE"
        case .notXML: "SAML_METADATA_NOT_XML"
        case .notOneEntity: "SAML_METADATA_NOT_ONE_ENTITY"
        case .entityIDMissing: "SAML_METADATA_ENTITY_ID_MISSING"
        case .notAnIdentityProvider: "SAML_METADATA_NOT_AN_IDENTITY_PROVIDER"
        case .signInAddressMissing: "SAML_METADATA_SIGN_IN_ADDRESS_MISSING"
        case .certificateMissing: "SAML_METADATA_CERTIFICATE_MISSING"
        case .certificateUnusable: "SAML_METADATA_CERTIFICATE_UNUSABLE"
        case .tooManyCertificates: "SAML_METADATA_TOO_MANY_CERTIFICATES"
        }
    }

    package var description: String {
        switch self {
        case .tooLarge: "The metadata document is longer than 75,000 characters."
        case .notXML(let reason):
            "The metadata document is not acceptable XML (\(reason.rawValue))."
        case .notOneEntity:
            "The document must describe exactly one entity. Download the metadata of the one "
                + "application at the identity provider."
        case .entityIDMissing: "The entity ID is missing or longer than 1,024 characters."
        case .notAnIdentityProvider:
            "The document has no IDPSSODescriptor for SAML 2.0. It may be a service provider's."
        case .signInAddressMissing:
            "The document has no SingleSignOnService with the HTTP-Redirect or HTTP-POST binding "
                + "and an https address."
        case .certificateMissing: "The document has no signing certificate."
        case .certificateUnusable:
            "A signing certificate cannot be read, is longer than 2,500 characters, or its key is "
                + "neither RSA of 2,048 bits or more nor elliptic-curve."
        case .tooManyCertificates: "The document has more than 10 signing certificates."
        }
    }
}

/// What an identity provider says about itself, taken over by an administrator.
package struct IdentityProviderMetadata: Sendable, Equatable {
    package static let charactersMax = 75_000
    package static let certificateCharactersMax = 2_500
    package static let certificatesMax = 10

    package let entityID: String
    /// At least one, in document order.
    package let signInServices: [SignInService]
    /// 1 to 10; several while the identity provider changes its key.
    package let certificates: [SigningCertificate]
    /// The provider asks for signed requests, which are not made here.
    package let wantsSignedRequests: Bool

    package struct SignInService: Sendable, Equatable {
        package let binding: SAMLBinding
        package let location: String
    }

    /// The address for sign-ins: HTTP-Redirect where offered.
    package var preferredSignInService: SignInService? {
        signInServices.first { $0.binding == .redirect } ?? signInServices.first
    }

    /// Reads a metadata document. Its own signature, if any, is not looked at: the administrator who
    /// supplies it vouches for it.
    ///
    /// - Throws: `MetadataError`.
    package init(parsing xml: [UInt8]) throws(MetadataError) {
        guard xml.count <= Self.charactersMax else { throw .tooLarge }
        let document: XMLDocument
        do {
            document = try XMLDocument(parsing: xml, bytesMax: Self.charactersMax)
        } catch {
            throw .notXML(error)
        }
        let entity = try Self.entity(document.root)
        guard let entityID = entity.attribute("entityID"), (1...1024).contains(entityID.count)
        else { throw .entityIDMissing }
        let descriptors = entity.children("IDPSSODescriptor", in: SAMLNames.metadataNamespace)
            .filter { descriptor in
                (descriptor.attribute("protocolSupportEnumeration") ?? "")
                    .split(separator: " ").contains { $0 == SAMLNames.protocolNamespace }
            }
        guard let descriptor = descriptors.first, descriptors.count == 1 else {
            throw .notAnIdentityProvider
        }
        self.entityID = entityID
        signInServices = try Self.services(descriptor)
        certificates = try Self.certificates(descriptor)
        wantsSignedRequests = descriptor.attribute("WantAuthnRequestsSigned") == "true"
    }

    private static func entity(_ root: XMLElement) throws(MetadataError) -> XMLElement {
        let namespace = SAMLNames.metadataNamespace
        if root.isNamed("EntityDescriptor", in: namespace) { return root }
        let entities = root.children("EntityDescriptor", in: namespace)
        guard root.isNamed("EntitiesDescriptor", in: namespace), entities.count == 1 else {
            throw .notOneEntity
        }
        return entities[0]
    }

    private static func services(_ descriptor: XMLElement) throws(MetadataError) -> [SignInService]
    {
        let services = descriptor.children("SingleSignOnService", in: SAMLNames.metadataNamespace)
            .compactMap { element -> SignInService? in
                guard let binding = element.attribute("Binding").flatMap(SAMLBinding.init),
                    let location = element.attribute("Location"), isAcceptable(location)
                else { return nil }
                return SignInService(binding: binding, location: location)
            }
        guard !services.isEmpty else { throw .signInAddressMissing }
        return services
    }

    /// HTTPS, or plain HTTP on this machine itself for trying things out.
    private static func isAcceptable(_ location: String) -> Bool {
        guard location.utf8.count <= 2048, let components = URLComponents(string: location),
            let host = components.host, !host.isEmpty, components.fragment == nil
        else { return false }
        let loopback = ["localhost", "127.0.0.1", "::1", "[::1]"].contains(host)
        return components.scheme == "https" || (components.scheme == "http" && loopback)
    }

    private static func certificates(
        _ descriptor: XMLElement
    ) throws(MetadataError) -> [SigningCertificate] {
        let signature = SAMLNames.signatureNamespace
        let texts = descriptor.children("KeyDescriptor", in: SAMLNames.metadataNamespace)
            .filter { ($0.attribute("use") ?? "signing") == "signing" }
            .flatMap { $0.children("KeyInfo", in: signature) }
            .flatMap { $0.children("X509Data", in: signature) }
            .flatMap { $0.children("X509Certificate", in: signature) }
            .map { $0.text ?? "" }
        guard !texts.isEmpty else { throw .certificateMissing }
        guard texts.count <= certificatesMax else { throw .tooManyCertificates }
        var certificates: [SigningCertificate] = []
        for text in texts {
            let base64 = text.filter { !$0.isWhitespace }
            guard base64.utf8.count <= certificateCharactersMax,
                let der = Data(base64Encoded: base64),
                let certificate = SigningCertificate(der: Array(der))
            else { throw .certificateUnusable }
            if !certificates.contains(certificate) { certificates.append(certificate) }
        }
        return certificates
    }
}
