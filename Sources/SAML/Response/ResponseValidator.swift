package import Foundation
package import XMLSignature

/// Turns a response that a browser brought into an assertion that can be relied on, or says why not.
///
/// Pure: time and what is pending are arguments. The caller then looks the person up and asks its
/// replay cache, in which `ValidatedAssertion.id` must be new until `replayableUntil`.
/// Sources: SAML 2.0 core 2.3, 2.4, 2.5 and 3.3; profiles 4.1.4.
package struct ResponseValidator: Sendable {
    package static let clockSkewDefault = Duration.seconds(180)
    package static let clockSkewMax = Duration.seconds(300)
    /// An assertion is used at once; one issued longer ago than this is refused whatever it says.
    static let ageMax: TimeInterval = 3600

    /// The identity provider's entity ID, compared exactly.
    package let identityProvider: String
    /// Our entity ID, one for all Regions.
    package let audience: String
    /// The address in this Region that the response was posted to.
    package let assertionConsumerServiceURL: String
    let verifier: XMLSignatureVerifier
    let skew: TimeInterval

    /// What the response should answer.
    package enum Expectation: Sendable, Equatable {
        /// SP-initiated: this request is pending in this browser. With a time, the person must have
        /// authenticated since then (for `ForceAuthn`).
        case answer(to: String, authenticatedSince: Date? = nil)
        /// IdP-initiated: nothing is pending and the response must not claim otherwise.
        case unsolicited
    }

    /// - Parameter clockSkew: 0 to 300 s; longer is shortened.
    package init(
        identityProvider: String, certificates: [SigningCertificate], audience: String,
        assertionConsumerServiceURL: String, clockSkew: Duration = clockSkewDefault
    ) {
        self.identityProvider = identityProvider
        self.audience = audience
        self.assertionConsumerServiceURL = assertionConsumerServiceURL
        verifier = XMLSignatureVerifier(certificates: certificates)
        let bounded = max(.zero, min(clockSkew, Self.clockSkewMax))
        skew = TimeInterval(bounded.components.seconds)
    }

    package func validate(
        _ unverified: UnverifiedResponse, expecting expectation: Expectation, now: Date
    ) -> Result<ValidatedAssertion, Rejection> {
        do throws(Rejection) {
            let structure = try ResponseStructure(unverified.document.root)
            let assertion = try verifiedAssertion(structure)
            try checkEnvelope(structure.response, expectation, now)
            return .success(try check(assertion, expectation, now))
        } catch {
            return .failure(error)
        }
    }

    /// The assertion, covered by at least one signature. Every signature there is must be valid.
    private func verifiedAssertion(_ structure: ResponseStructure) throws(Rejection) -> XMLElement {
        guard structure.responseIsSigned || structure.assertionIsSigned else {
            throw Rejection(
                .unsigned,
                "Neither the response nor the assertion is signed. Switch signing of assertions on "
                    + "at the identity provider.")
        }
        var covered: XMLElement?
        if structure.responseIsSigned {
            let response = try verify(structure.response)
            covered = try response.element.only("Assertion")
        }
        if structure.assertionIsSigned {
            covered = try verify(structure.assertion).element
        }
        guard let covered else { throw Rejection(.unsigned, "The assertion is not signed.") }
        return covered
    }

    private func verify(_ element: XMLElement) throws(Rejection) -> VerifiedElement {
        switch verifier.verify(element) {
        case .success(let verified): return verified
        case .failure(let reason): throw Self.rejection(reason, element.name)
        }
    }

    private static func rejection(_ reason: SignatureRejection, _ name: String) -> Rejection {
        switch reason {
        case .algorithm:
            Rejection(
                .signatureAlgorithm,
                "The signature of \(name) uses an algorithm that is not accepted. Choose RSA or "
                    + "ECDSA with SHA-256 or better at the identity provider.")
        case .absent, .shape, .reference:
            Rejection(
                .signatureShape,
                "The signature of \(name) is not one that SAML allows (\(reason.rawValue)). The "
                    + "response may have been altered.")
        case .certificate, .invalid, .outOfMemory:
            Rejection(
                .signatureInvalid,
                "The signature of \(name) was not made with any certificate configured for the "
                    + "identity provider, or the response was altered (\(reason.rawValue)). If the "
                    + "provider changed its certificate, add the new one.")
        }
    }

    /// What stands on the response itself, outside the assertion.
    private func checkEnvelope(
        _ response: XMLElement, _ expectation: Expectation, _ now: Date
    ) throws(Rejection) {
        try checkIssuer(try response.only("Issuer"))
        guard response.attribute("Destination") == assertionConsumerServiceURL else {
            throw Rejection(
                .destination,
                "Destination is \(quoted(response.attribute("Destination"))), this Region's "
                    + "address is \(quoted(assertionConsumerServiceURL)).")
        }
        try checkInResponseTo(response, expectation)
        guard let issued = try response.time("IssueInstant") else {
            throw Rejection(.schema, "The response has no IssueInstant.")
        }
        try checkStart(issued, "IssueInstant of the response", now)
    }

    func checkIssuer(_ issuer: XMLElement) throws(Rejection) {
        let format = issuer.attribute("Format") ?? SAMLNames.entityFormat
        guard issuer.value == identityProvider, format == SAMLNames.entityFormat else {
            throw Rejection(
                .issuer,
                "Issuer is \(quoted(issuer.value)), the identity provider's entity ID is "
                    + "\(quoted(identityProvider)).")
        }
    }

    func checkInResponseTo(
        _ element: XMLElement, _ expectation: Expectation
    ) throws(Rejection) {
        let found = element.attribute("InResponseTo")
        switch expectation {
        case .answer(let request, _):
            guard found == request else {
                throw Rejection(
                    .inResponseTo,
                    "\(element.name) answers \(quoted(found)), not the sign-in that is pending.")
            }
        case .unsolicited:
            guard found == nil else {
                throw Rejection(
                    .unexpectedInResponseTo,
                    "\(element.name) answers a request, but none is pending in this browser.")
            }
        }
    }

    /// A start is inclusive and may lie ahead by the clock skew.
    func checkStart(_ start: Date?, _ name: String, _ now: Date) throws(Rejection) {
        guard let start, now < start - skew else { return }
        throw Rejection(
            .notYetValid,
            "\(name) is \(SAMLTime.format(start)), \(Int(start.timeIntervalSince(now))) s ahead of "
                + "this machine. Check both clocks; \(Int(skew)) s are tolerated.")
    }

    /// An end is exclusive and may lie behind by the clock skew.
    func checkEnd(_ end: Date?, _ name: String, _ now: Date) throws(Rejection) {
        guard let end, now >= end + skew else { return }
        throw Rejection(
            .expired,
            "\(name) was \(SAMLTime.format(end)), \(Int(now.timeIntervalSince(end))) s ago. Check "
                + "both clocks; \(Int(skew)) s are tolerated.")
    }
}
