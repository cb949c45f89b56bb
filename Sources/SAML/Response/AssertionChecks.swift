import Foundation
import XMLSignature

/// The person an assertion is about, confirmed for this service.
struct ConfirmedSubject {
    let nameID: String
    let format: NameIDFormat?
    /// When the confirmation ends.
    let notOnOrAfter: Date
}

extension ResponseValidator {
    /// Everything on the verified assertion.
    func check(
        _ assertion: XMLElement, _ expectation: Expectation, _ now: Date
    ) throws(Rejection) -> ValidatedAssertion {
        try checkIssuer(try assertion.only("Issuer"))
        let statement = try AssertionStatement(assertion)
        try checkStart(statement.issuedAt, "IssueInstant of the assertion", now)
        let ageEnd = statement.issuedAt + Self.ageMax
        try checkEnd(ageEnd, "The last moment to use the assertion", now)
        let conditionsEnd = try checkConditions(try assertion.only("Conditions"), now)
        let subject = try confirmedSubject(try assertion.only("Subject"), expectation, now)
        try checkAuthentication(statement.authentication, expectation, now)
        let end = [ageEnd, subject.notOnOrAfter, conditionsEnd].compactMap(\.self).min()
        var answered: String?
        if case .answer(let request, _) = expectation { answered = request }
        return ValidatedAssertion(
            statement: statement, subject: subject, inResponseTo: answered,
            replayableUntil: (end ?? ageEnd) + skew,
            clockSkewSeconds: statement.issuedAt.timeIntervalSince(now))
    }

    /// Returns the end, if there is one. A condition that is not understood makes the assertion
    /// invalid (core 2.5.1.1).
    private func checkConditions(
        _ conditions: XMLElement, _ now: Date
    ) throws(Rejection) -> Date? {
        try checkStart(try conditions.time("NotBefore"), "NotBefore", now)
        let end = try conditions.time("NotOnOrAfter")
        try checkEnd(end, "NotOnOrAfter", now)
        let known: Set = ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"]
        for condition in conditions.children {
            guard condition.namespace == SAMLNames.assertionNamespace,
                known.contains(condition.name)
            else {
                throw Rejection(.schema, "Conditions has an unknown \(quoted(condition.name)).")
            }
        }
        try checkAudience(
            conditions.children("AudienceRestriction", in: SAMLNames.assertionNamespace))
        return end
    }

    /// Each restriction must name us; one must be there (profiles 4.1.4.2).
    private func checkAudience(_ restrictions: [XMLElement]) throws(Rejection) {
        let audiences = restrictions.map { restriction in
            restriction.children("Audience", in: SAMLNames.assertionNamespace).map(\.value)
        }
        guard !audiences.isEmpty, audiences.allSatisfy({ $0.contains(audience) }) else {
            throw Rejection(
                .audience,
                "Audience is \(quoted(audiences.first?.first)), our entity ID is "
                    + "\(quoted(audience)). Correct it at the identity provider.")
        }
    }

    /// One bearer confirmation must hold in all its parts; the rejection of the last one is reported.
    private func confirmedSubject(
        _ subject: XMLElement, _ expectation: Expectation, _ now: Date
    ) throws(Rejection) -> ConfirmedSubject {
        let (nameID, format) = try nameID(try subject.only("NameID"))
        var rejection = Rejection(
            .subjectConfirmation, "Subject has no SubjectConfirmation of the bearer method.")
        for confirmation in subject.children(
            "SubjectConfirmation", in: SAMLNames.assertionNamespace)
        where confirmation.attribute("Method") == SAMLNames.bearer {
            do throws(Rejection) {
                let end = try checkConfirmation(confirmation, expectation, now)
                return ConfirmedSubject(nameID: nameID, format: format, notOnOrAfter: end)
            } catch {
                rejection = error
            }
        }
        throw rejection
    }

    private func checkConfirmation(
        _ confirmation: XMLElement, _ expectation: Expectation, _ now: Date
    ) throws(Rejection) -> Date {
        let data = try confirmation.only("SubjectConfirmationData")
        guard data.attribute("Recipient") == assertionConsumerServiceURL else {
            throw Rejection(
                .recipient,
                "Recipient is \(quoted(data.attribute("Recipient"))), this Region's address is "
                    + "\(quoted(assertionConsumerServiceURL)).")
        }
        guard let end = try data.time("NotOnOrAfter") else {
            throw Rejection(.schema, "SubjectConfirmationData has no NotOnOrAfter.")
        }
        try checkStart(try data.time("NotBefore"), "NotBefore of the subject confirmation", now)
        try checkEnd(end, "NotOnOrAfter of the subject confirmation", now)
        try checkInResponseTo(data, expectation)
        return end
    }

    private func nameID(_ element: XMLElement) throws(Rejection) -> (String, NameIDFormat?) {
        let value = element.value
        let printable = value.unicodeScalars.allSatisfy {
            $0.properties.generalCategory != .control
        }
        guard (1...128).contains(value.count), printable else {
            throw Rejection(.nameID, "NameID must have 1 to 128 characters.")
        }
        guard let name = element.attribute("Format") else { return (value, nil) }
        guard let format = NameIDFormat(rawValue: name) else {
            throw Rejection(
                .nameID,
                "The format of NameID is \(quoted(name)). Choose emailAddress at the identity "
                    + "provider.")
        }
        return (value, format)
    }

    private func checkAuthentication(
        _ authentication: AssertionStatement.Authentication, _ expectation: Expectation,
        _ now: Date
    ) throws(Rejection) {
        try checkStart(authentication.instant, "AuthnInstant", now)
        if let end = authentication.sessionNotOnOrAfter, now >= end + skew {
            throw Rejection(
                .sessionEnded, "SessionNotOnOrAfter was \(SAMLTime.format(end)), in the past.")
        }
        if case .answer(_, let since?) = expectation, authentication.instant < since - skew {
            throw Rejection(
                .authenticationTooOld,
                "A new authentication was asked for, but AuthnInstant is "
                    + "\(SAMLTime.format(authentication.instant)). The identity provider does not "
                    + "heed ForceAuthn.")
        }
    }
}
