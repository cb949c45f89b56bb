import Foundation
import SAML
import Testing
import XMLSignature

/// Keys and messages that `Scripts/fixtures/saml.py` made with pysaml2 and xmlsec1.
enum Fixtures {
    static let identityProvider = "https://idp.example.com/metadata"
    static let serviceProvider = "https://portal.example.com/saml"
    static let consumer = "https://eu-west-1.portal.example.com/saml/acs"
    static let request = "_request-0123456789abcdef"

    static func bytes(_ name: String) throws -> [UInt8] {
        let url = try #require(Bundle.module.resourceURL)
            .appendingPathComponent("Fixtures").appendingPathComponent(name)
        return Array(try Data(contentsOf: url))
    }

    static func text(_ name: String) throws -> String {
        String(decoding: try bytes(name), as: UTF8.self)
    }

    static func certificate(_ name: String) throws -> SigningCertificate {
        try #require(SigningCertificate(der: try bytes("\(name).cert.der")))
    }

    static func signer(
        _ name: String, _ algorithm: XMLSignatureAlgorithm = .rsaSHA256
    ) throws -> XMLSigner {
        XMLSigner(
            privateKeyDER: try bytes("\(name).key.der"),
            certificateDER: try bytes("\(name).cert.der"), algorithm: algorithm)
    }

    static func validator(
        certificates: [String] = ["idp"], audience: String = serviceProvider,
        consumer: String = consumer, clockSkew: Duration = .seconds(180)
    ) throws -> ResponseValidator {
        ResponseValidator(
            identityProvider: identityProvider, certificates: try certificates.map(certificate),
            audience: audience, assertionConsumerServiceURL: consumer, clockSkew: clockSkew)
    }
}

/// The rejection's reason, or nil when the response was accepted.
func reason(
    _ xml: String, _ validator: ResponseValidator,
    expecting: ResponseValidator.Expectation = .answer(to: Fixtures.request),
    now: Date = ResponseDraft.now
) -> Rejection.Reason? {
    do throws(Rejection) {
        let response = try UnverifiedResponse(xml: Array(xml.utf8))
        switch validator.validate(response, expecting: expecting, now: now) {
        case .success: return nil
        case .failure(let rejection): return rejection.reason
        }
    } catch {
        return error.reason
    }
}
