/// Why a SAML response does not sign anybody in: a stable code, and a text for the operator's log.
package struct Rejection: Error, Sendable, Equatable, CustomStringConvertible {
    package let reason: Reason
    /// Says what was found, what was expected and what to do. Holds no assertion content beyond
    /// short quoted identifiers. Not for the person who signs in.
    package let explanation: String

    package var code: String { reason.rawValue }
    package var description: String { "\(code): \(explanation)" }

    init(_ reason: Reason, _ explanation: String) {
        self.reason = reason
        self.explanation = explanation
    }

    package enum Reason: String, Sendable, CaseIterable {
        case tooLarge = "SAML_RESPONSE_TOO_LARGE"
        case notBase64 = "SAML_RESPONSE_NOT_BASE64"
        /// Not XML, or XML with a DTD, entities or the like.
        case notXML = "SAML_RESPONSE_NOT_XML"
        case documentType = "SAML_RESPONSE_HAS_DTD"
        case duplicateID = "SAML_RESPONSE_DUPLICATE_ID"
        /// Not a SAML 2.0 Response.
        case notAResponse = "SAML_NOT_A_RESPONSE"
        /// An element or attribute is missing, repeated, unknown or malformed.
        case schema = "SAML_RESPONSE_SCHEMA"
        /// The identity provider answered with a failure.
        case status = "SAML_STATUS_NOT_SUCCESS"
        case encrypted = "SAML_ENCRYPTION_NOT_SUPPORTED"
        /// None or more than one assertion.
        case assertionCount = "SAML_NOT_ONE_ASSERTION"
        case assertionTooLarge = "SAML_ASSERTION_TOO_LARGE"
        case unsigned = "SAML_NOT_SIGNED"
        case signatureShape = "SAML_SIGNATURE_SHAPE"
        case signatureAlgorithm = "SAML_SIGNATURE_ALGORITHM"
        case signatureInvalid = "SAML_SIGNATURE_INVALID"
        case issuer = "SAML_ISSUER_MISMATCH"
        case destination = "SAML_DESTINATION_MISMATCH"
        case recipient = "SAML_RECIPIENT_MISMATCH"
        case audience = "SAML_AUDIENCE_MISMATCH"
        case inResponseTo = "SAML_IN_RESPONSE_TO_MISMATCH"
        /// IdP-initiated, but the response claims to answer a request.
        case unexpectedInResponseTo = "SAML_IN_RESPONSE_TO_UNEXPECTED"
        case notYetValid = "SAML_NOT_YET_VALID"
        case expired = "SAML_EXPIRED"
        case subjectConfirmation = "SAML_SUBJECT_NOT_CONFIRMED"
        case nameID = "SAML_NAME_ID"
        case sessionEnded = "SAML_SESSION_ENDED"
        /// A fresh authentication was asked for and the response reports an older one.
        case authenticationTooOld = "SAML_AUTHENTICATION_TOO_OLD"
        /// For the caller's replay cache: this assertion was used before.
        case replayed = "SAML_REPLAYED"
    }

    /// For the caller, whose replay cache already holds the assertion.
    package static let replayed = Rejection(
        .replayed, "This assertion was presented before. Start the sign-in again.")
}

/// Text from a response for a log: short, on one line, in quotes.
func quoted(_ text: String?) -> String {
    guard let text else { return "nothing" }
    let shown = text.unicodeScalars.prefix(160).map { scalar in
        scalar.properties.generalCategory == .control || scalar.properties.isBidiControl
            || scalar == "\u{2028}" || scalar == "\u{2029}" ? "?" : String(scalar)
    }.joined()
    return "\"\(shown)\"" + (text.unicodeScalars.count > 160 ? " (cut)" : "")
}
