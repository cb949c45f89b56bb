/// Why a signed request is not let in. Each protocol has its own names for these.
enum AdmissionRefusal: Error, Equatable {
    /// It is not signed at all.
    case missing
    /// The signature's form is wrong, or it leaves out what has to be signed.
    case incomplete(String)
    /// The clocks are too far apart, or the request is old.
    case notTimely(String)
    /// It was signed for another Region or service.
    case wrongScope(String)
    /// There are no such credentials.
    case unknownCredentials
    /// They were good once: they have ended, their session was ended, or the role is no longer
    /// assigned.
    case ended
    /// The signature does not fit request and secret.
    case mismatch

    /// For people; tells nothing about secrets.
    var message: String {
        switch self {
        case .missing: "Missing Authentication Token"
        case .incomplete(let what), .notTimely(let what), .wrongScope(let what): what
        case .unknownCredentials: "The security token included in the request is invalid."
        case .ended: "The security token included in the request is expired"
        case .mismatch:
            "The request signature we calculated does not match the signature you provided. Check "
                + "your AWS Secret Access Key and signing method. Consult the service documentation "
                + "for details."
        }
    }
}
