import HTTPTypes
import Hummingbird
import RPC

/// Why a page or an API call is refused, in words for the person who sees it.
struct PortalFailure: Error, Sendable {
    let status: HTTPResponse.Status
    /// Stable, upper case with underscores; goes to the log and the trail.
    let code: String
    let title: String
    /// What happened and what to do about it.
    let message: String
    /// A way on: label and local path.
    var action: (label: String, path: String)?
    /// The identity provider's part went wrong: another way in is named, if there is one.
    var isSignIn = false
    /// For the log only.
    var detail: String = ""
}

extension PortalFailure {
    static var notFound: PortalFailure {
        PortalFailure(
            status: .notFound, code: "PAGE_NOT_FOUND", title: "This page does not exist",
            message: "The address may be mistyped, or what it showed is gone.",
            action: ("Go to the access portal", "/start"))
    }

    static func badRequest(_ message: String, code: String = "BAD_REQUEST") -> PortalFailure {
        PortalFailure(
            status: .badRequest, code: code, title: "That request cannot be understood",
            message: message, action: ("Back to the access portal", "/start"))
    }

    static var crossSite: PortalFailure {
        PortalFailure(
            status: .forbidden, code: "CROSS_SITE_REQUEST",
            title: "This form was not sent from this portal",
            message: "Nothing was changed. Open the page again and repeat what you wanted to do; "
                + "pages that stayed open for a long time may need it.",
            action: ("Back to the access portal", "/start"))
    }

    static func tooLarge(_ bytesMax: Int) -> PortalFailure {
        PortalFailure(
            status: .contentTooLarge, code: "BODY_TOO_LARGE", title: "That is too large",
            message: "At most \(bytesMax) bytes are accepted here.")
    }

    static var tooSlow: PortalFailure {
        PortalFailure(
            status: .requestTimeout, code: "BODY_TOO_SLOW", title: "That took too long",
            message: "The request did not arrive in time. Please try again.")
    }

    static var noInstance: PortalFailure {
        PortalFailure(
            status: .serviceUnavailable, code: "REGION_NOT_ENABLED",
            title: "This Region is not part of an instance",
            message: "Nobody can sign in here yet. An administrator creates the instance with "
                + "“portolan instance create”, or adds this Region to an existing one.")
    }

    static var notAdministrator: PortalFailure {
        PortalFailure(
            status: .forbidden, code: "NOT_AN_ADMINISTRATOR",
            title: "The console is for administrators",
            message: "Your account is not a member of the group that administers this instance. "
                + "Ask an administrator to add you to it.",
            action: ("Go to the access portal", "/start"))
    }

    /// A write that only the primary takes.
    static func primaryOnly(primary: String, portalURL: String) -> PortalFailure {
        PortalFailure(
            status: .conflict, code: "NOT_PRIMARY",
            title: "This is changed in the primary Region",
            message: "Settings are managed in \(primary). Nothing was changed here. Open the "
                + "console there: \(portalURL)/console/settings",
            action: ("Back to settings", "/console/settings"))
    }

    /// What a service said, for the person in front of the page.
    ///
    /// Messages of services are written for operators and hold no secrets; those of internal
    /// errors are not shown.
    init(_ error: RPCError) {
        switch error.code {
        case .notFound:
            self = .notFound
        case .unavailable where Self.isKeyProblem(error.reason),
            .failedPrecondition where Self.isKeyProblem(error.reason):
            self.init(
                status: .serviceUnavailable, code: error.reason,
                title: "Access in this Region is blocked",
                message: "The key that protects this instance cannot be used in this Region "
                    + "(\(error.reason)). Use another Region’s portal, or ask an administrator.",
                detail: error.message)
        case .failedPrecondition where error.reason == "REGION_NOT_ENABLED":
            self = .noInstance
        case .unavailable, .deadlineExceeded, .cancelled:
            self.init(
                status: .serviceUnavailable, code: error.reason,
                title: "A part of this Region does not answer",
                message: "Please try again in a moment. If it stays like this, use another "
                    + "Region’s portal.",
                action: ("Try again", "/start"), detail: error.message)
        case .failedPrecondition, .aborted, .alreadyExists, .invalidArgument, .outOfRange,
            .resourceExhausted:
            self.init(
                status: .conflict, code: error.reason, title: "That was refused",
                message: error.message, detail: error.message)
        case .permissionDenied, .unauthenticated:
            self.init(
                status: .forbidden, code: error.reason, title: "That is not allowed",
                message: error.message, action: ("Go to the access portal", "/start"),
                detail: error.message)
        default:
            self.init(
                status: .internalServerError, code: error.reason, title: "Something went wrong",
                message: "The problem was recorded. Please try again; if it happens again, tell "
                    + "your administrator the reference below.",
                action: ("Try again", "/start"), detail: error.message)
        }
    }

    /// Refusals of the keys service carry the names of KMS' exceptions.
    private static func isKeyProblem(_ reason: String) -> Bool {
        reason.hasSuffix("Exception") || reason == "KEYS_UNREACHABLE"
    }
}
