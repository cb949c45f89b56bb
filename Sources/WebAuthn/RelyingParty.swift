/// Who asks a security key: the domain that the key answers for, and the one origin whose pages count.
///
/// Source: W3C Web Authentication Level 2, sections 7.1 and 7.2.
package struct RelyingParty: Sendable, Equatable {
    /// The RP ID, a domain that the origin's host is in.
    package let id: String
    /// "https://host[:port]".
    package let origin: String

    package init(id: String, origin: String) {
        self.id = id
        self.origin = origin
    }

    /// Whether a host may use the domain: it is the domain, or a name below it.
    package static func covers(_ domain: String, host: String) -> Bool {
        !domain.isEmpty && (host == domain || host.hasSuffix(".\(domain)"))
    }
}

/// What signatures of security keys are made with; the numbers are COSE's.
package enum KeyAlgorithm: Int32, Sendable, CaseIterable {
    case es256 = -7
    case eddsa = -8
    case rs256 = -257
}

/// Why an answer of a security key does not count. The raw values are stable and go to the trail.
package enum KeyRefusal: String, Error, Sendable {
    case clientDataMalformed = "CLIENT_DATA_MALFORMED"
    /// A registration where a sign-in was asked for, or the other way round.
    case wrongCeremony = "WRONG_CEREMONY"
    case wrongChallenge = "WRONG_CHALLENGE"
    case wrongOrigin = "WRONG_ORIGIN"
    /// The page was inside one of another site.
    case crossOrigin = "CROSS_ORIGIN"
    case authenticatorDataMalformed = "AUTHENTICATOR_DATA_MALFORMED"
    case wrongRelyingParty = "WRONG_RELYING_PARTY"
    case userNotPresent = "USER_NOT_PRESENT"
    /// Neither PIN nor fingerprint.
    case userNotVerified = "USER_NOT_VERIFIED"
    /// A passkey that is copied elsewhere is not bound to a piece of hardware.
    case notHardwareBound = "NOT_HARDWARE_BOUND"
    case unsupportedAlgorithm = "UNSUPPORTED_ALGORITHM"
    case wrongSignature = "WRONG_SIGNATURE"
    /// The counter did not go up: the key may have been copied.
    case counterRegression = "COUNTER_REGRESSION"
}
