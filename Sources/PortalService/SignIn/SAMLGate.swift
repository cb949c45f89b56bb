import Contracts
import Foundation
import SAML
import ServiceKit

/// The SAML core, with this instance's settings.
struct SAMLGate: AssertionGate {
    private let trusted = TrustedCertificates()

    func request(_ order: AuthenticationOrder) throws -> AuthenticationRedirect {
        var request = AuthnRequest(
            id: order.requestID, issueInstant: order.issuedAt, issuer: order.entityID,
            destination: order.provider.signInURL,
            assertionConsumerService: AssertionConsumerService(
                region: "", url: order.acsURL, index: 0))
        request.reply = .url
        if order.provider.binding.hasSuffix(":HTTP-POST") {
            let form = try request.form(relayState: order.relayState)
            let value = form.fields.first { $0.name == "SAMLRequest" }?.value ?? ""
            return .post(url: form.action, request: value)
        }
        return .redirect(try request.redirectURL(relayState: order.relayState))
    }

    func judge(_ response: PostedResponse) -> AssertionVerdict {
        let validator = ResponseValidator(
            identityProvider: response.provider.entityID,
            certificates: trusted.read(response.provider.signingCertificates),
            audience: response.entityID, assertionConsumerServiceURL: response.acsURL)
        do {
            let unverified = try UnverifiedResponse(base64: response.encoded)
            let expectation = response.expectedRequestID.map {
                ResponseValidator.Expectation.answer(to: $0)
            }
            let result = validator.validate(
                unverified, expecting: expectation ?? .unsolicited, now: response.receivedAt)
            switch result {
            case .success(let assertion): return .accepted(AcceptedAssertion(assertion))
            case .failure(let rejection): return .refused(rejection)
            }
        } catch {
            return .refused(error)
        }
    }

    func metadata(entityID: String, endpoints: [AssertionConsumer]) throws -> String {
        let services = endpoints.map {
            AssertionConsumerService(region: $0.region, url: $0.url, index: Self.index($0.region))
        }
        let document = try ServiceProviderMetadata(
            entityID: entityID, services: services,
            defaultRegion: endpoints.first(where: \.isDefault)?.region ?? ""
        ).xml()
        return String(decoding: document, as: UTF8.self)
    }

    /// A number that stays with the Region's name: its place in the list of Regions, else one
    /// derived from the name.
    private static func index(_ region: String) -> UInt16 {
        if let place = RegionConfiguration.regionsEnabledByDefault.firstIndex(of: region) {
            return UInt16(place)
        }
        let sum = region.utf8.reduce(UInt32(17)) { ($0 &* 31 &+ UInt32($1)) % 60_000 }
        return UInt16(100 + sum)
    }
}

extension AcceptedAssertion {
    fileprivate init(_ assertion: ValidatedAssertion) {
        self.init(
            assertionID: assertion.id, nameID: assertion.nameID,
            replayableUntil: assertion.replayableUntil,
            sessionNotOnOrAfter: assertion.sessionNotOnOrAfter)
    }
}

extension AssertionVerdict {
    fileprivate static func refused(_ rejection: Rejection) -> AssertionVerdict {
        .refused(code: rejection.code, explanation: rejection.explanation)
    }
}
