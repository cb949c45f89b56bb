import HTTPTypes

/// What people read when a sign-in does not end in a session.
extension PortalFailure {
    static var providerMissing: PortalFailure {
        PortalFailure(
            status: .serviceUnavailable, code: "IDENTITY_PROVIDER_MISSING",
            title: "Sign-in is not set up yet",
            message: "No identity provider is configured for this instance. An administrator "
                + "connects it with “portolan instance set-idp”.", isSignIn: true)
    }

    static func assertionRefused(code: String, detail: String) -> PortalFailure {
        PortalFailure(
            status: .forbidden, code: code, title: "This sign-in could not be accepted",
            message: "The answer of your identity provider was refused (\(code)). Start again; "
                + "if it happens again, give your administrator the reference below.",
            action: ("Sign in again", "/start"), isSignIn: true, detail: detail)
    }

    static var signInExpired: PortalFailure {
        PortalFailure(
            status: .forbidden, code: "SIGN_IN_EXPIRED",
            title: "This sign-in took too long, or began in another browser",
            message: "Nobody was signed in. Start again in this browser.",
            action: ("Sign in again", "/start"), isSignIn: true)
    }

    static var assertionReplayed: PortalFailure {
        PortalFailure(
            status: .forbidden, code: "ASSERTION_REPLAYED",
            title: "This sign-in was used already",
            message: "Each answer of the identity provider works once. Going back to that page "
                + "does not sign you in again.",
            action: ("Sign in again", "/start"))
    }

    static var unknownUser: PortalFailure {
        PortalFailure(
            status: .forbidden, code: "USER_NOT_FOUND",
            title: "You are not known here yet",
            message: "Your identity provider signed you in, but nobody of that name has been "
                + "provisioned to this instance. Ask your administrator to give you access.",
            action: ("Try again", "/start"))
    }

    static var disabledUser: PortalFailure {
        PortalFailure(
            status: .forbidden, code: "USER_DISABLED", title: "Your access is switched off",
            message: "Your account is disabled in this instance. Ask your administrator.",
            action: ("Try again", "/start"))
    }
}
