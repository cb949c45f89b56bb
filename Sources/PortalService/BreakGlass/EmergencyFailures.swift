import HTTPTypes

/// What people read when emergency access is refused. Which of the reasons it is, is in the trail only.
extension PortalFailure {
    static func emergencyRefused(_ detail: String) -> PortalFailure {
        PortalFailure(
            status: .forbidden, code: "BREAK_GLASS_REFUSED",
            title: "Emergency access was refused",
            message: "The user name or the security key is not one that may get in here now. "
                + "The attempt was recorded.", action: ("Try again", "/break-glass"),
            detail: detail)
    }

    static var emergencyExpired: PortalFailure {
        PortalFailure(
            status: .forbidden, code: "CHALLENGE_EXPIRED", title: "That took too long",
            message:
                "The security key has to answer within two minutes, in the browser that asked, "
                + "and once only. Nobody was signed in.",
            action: ("Start again", "/break-glass"))
    }

    static var emergencyTooMany: PortalFailure {
        PortalFailure(
            status: .tooManyRequests, code: "TOO_MANY_ATTEMPTS", title: "Too many attempts",
            message: "Please wait a minute, then try again.", action: ("Back", "/break-glass"))
    }

    static var emergencyNotOffered: PortalFailure {
        PortalFailure(
            status: .notFound, code: "BREAK_GLASS_NOT_OFFERED",
            title: "There is no emergency access here",
            message: "Nobody has been set up for it. An administrator does that with “portolan "
                + "break-glass create”, before it is needed.",
            action: ("Go to the access portal", "/start"))
    }

    static func keyNotEnrolled(_ message: String, code: String) -> PortalFailure {
        PortalFailure(
            status: .forbidden, code: code, title: "The key was not enrolled", message: message,
            action: ("Back", "/break-glass/enrol"))
    }
}
