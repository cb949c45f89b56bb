import Foundation
import RPC
import ServiceKit

/// Turns errors into what the operator reads: what went wrong, and what to do next.
enum ErrorText {
    static func failure(_ error: any Error) -> CommandFailure {
        switch error {
        case let error as CommandFailure: error
        case let error as RPCError:
            CommandFailure(message(error), hint: hint(error))
        case let error as PKIError: CommandFailure(error.message, hint: error.remedy)
        case let error as ConfigurationError:
            CommandFailure(
                "\(error).", hint: "The keys and their defaults are in Docs/configuration.md.",
                exitCode: CommandFailure.configurationExitCode)
        case is CancellationError: CommandFailure("Interrupted.")
        default: CommandFailure(String(describing: error))
        }
    }

    static func message(_ error: RPCError) -> String {
        guard !Problems.isListed(error) else { return "It cannot be done yet. (\(error.reason))" }
        var text = error.message.isEmpty ? "The call failed." : error.message
        if error.reason == "CANNOT_CONNECT", let end = text.range(of: "is it running?") {
            // What follows is the network library's own words.
            text = String(text[..<end.upperBound])
        }
        return "\(text) (\(error.reason))"
    }

    /// Several lines for several problems; empty when there is nothing better to say.
    static func hint(_ error: RPCError) -> String {
        if Problems.isListed(error) { return Problems.lines(error).joined(separator: "\n") }
        return hints[error.reason]?(error.metadata) ?? hint(error.code)
    }

    private typealias Hint = @Sendable ([String: String]) -> String

    private static let hints: [String: Hint] = [
        "NOT_PRIMARY": { metadata in
            let primary = metadata["primary-region"] ?? ""
            return primary.isEmpty
                ? "Only the primary Region is written to: find it with portolan status."
                : "Only the primary Region is written to: run it with --region \(primary)."
        },
        "WRONG_REGION": { metadata in
            metadata["application-region"].map {
                "An application is written in its own Region: run it with --region \($0)."
            } ?? "An application is written in its own Region; see portolan application list."
        },
        "PRIMARY_REACHABLE": { _ in "Plan it: portolan region promote <region>, without --force." },
        "PROMISES_MISSING": { _ in
            "Bring the Regions back, or, with --force, add --accept-unreachable."
        },
        "REPLICA_BEHIND": { metadata in
            metadata["region"].map {
                "Promote \($0) instead, or, with --force, add --accept-loss."
            } ?? "portolan status shows how far it is."
        },
        "ALREADY_PRIMARY": { _ in "See it with portolan status." },
        "PROMOTION_UNDER_WAY": { _ in "Try again in a few seconds." },
        "REGION_NOT_ENABLED": { _ in
            "This Region holds no instance. In the primary: portolan region add <this region>."
        },
        "INSTANCE_EXISTS": { _ in "See it with portolan instance show." },
        "REGION_EXISTS": { _ in "See it with portolan region list." },
        "WORKFLOW_IN_PROGRESS": { _ in
            "One Region is added or removed at a time: watch it with portolan region wait."
        },
        "METHOD_NOT_ALLOWED": { _ in
            "The operator's roles do not include this. Roles are given under operators in the "
                + "Region's configuration: administrator, key-administrator, auditor."
        },
        "AccessDeniedException": { _ in
            "The key's policy in this Region does not allow it: portolan key policy get <key>."
        },
        "DisabledException": { _ in "Enable it again: portolan key enable <key>." },
        "KMSInvalidStateException": { _ in "Look at its state: portolan key show <key>." },
        "NotFoundException": { _ in
            "Keys are Region by Region: portolan key list --region <region>."
        },
        "AlreadyExistsException": { _ in "See what there is: portolan key list." },
        "STATE_LOADING": { _ in "The service is catching up after a start: try again shortly." },
        "NOT_REPLICATED_YET": { _ in "The Region is behind: portolan status shows by how much." },
        "POSITION_LOST": { _ in
            "Look at what was left over: portolan region unreplicated --region <former primary>."
        },
        "STORAGE_FULL": { _ in "Free space in the Region's data directory; nothing was changed." },
        "STORAGE_READ_ONLY": { _ in "Make the data directory writable; nothing was changed." },
        "GRANT_OPEN": { _ in "End it now: portolan break-glass revoke <grant>." },
        "OWN_GRANT": { _ in "Ask another administrator, or an auditor." },
        "TOO_MANY_TOKENS": { _ in
            "Delete one first: portolan scim-token list, portolan scim-token delete <id>."
        },
        "ACCOUNT_IN_USE": { _ in
            "Remove its assignments first: portolan assignment list --account <account>."
        },
        "PERMISSION_SET_IN_USE": { _ in
            "Remove its assignments first: portolan assignment list --permission-set <name>."
        },
        "VERSION_CHANGED": { _ in "Somebody else changed it meanwhile: look again and repeat." },
        "ADDRESS_UNKNOWN": { _ in "Add the address to the context, or choose another --region." },
        "CMK_NOT_SUPPORTED": { _ in
            "Applications declare it: repeat with --supports-customer-managed-keys if it does."
        },
    ]

    private static func hint(_ code: RPCError.Code) -> String {
        switch code {
        case .unavailable:
            "Check that the service runs and is reachable (portolan health --service …); another "
                + "Region can be asked with --region."
        case .deadlineExceeded: "It may still take effect: look before repeating it."
        case .internalError: "The service's log says more under the request ID."
        default: ""
        }
    }
}
