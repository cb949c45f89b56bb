import Contracts
import RPC

/// Limits of break-glass users and grants, and what is said when one is not kept.
enum BreakGlassRules {
    static let usersMax = 50
    static let rolesMax = 20
    static let keysMax = 5
    static let enrolmentsMax = 4
    static let enrolmentSeconds = 3_600
    static let grantSeconds: ClosedRange<UInt32> = 900...14_400
    static let defaultGrantSeconds: UInt32 = 3_600
    static let reasonCharacters = 10...500
    static let noteCharacters = 1...500

    /// Throws INVALID_ARGUMENT, naming the field.
    static func check(_ user: PortalBreakGlassUser) throws {
        guard user.name.wholeMatch(of: /[A-Za-z0-9._@\-]{1,64}/) != nil else {
            throw invalid("NAME", "The name is 1 to 64 letters, digits and . _ @ -")
        }
        guard isText(user.displayName, 0...128) else {
            throw invalid("DISPLAY_NAME", "The display name has at most 128 characters.")
        }
        guard isText(user.operatorName, 0...64) else {
            throw invalid("OPERATOR_NAME", "The operator's name has at most 64 characters.")
        }
        guard grantSeconds.contains(user.maxGrantSeconds) else {
            throw invalid("MAX_GRANT_SECONDS", "A grant lasts 900 to 14,400 seconds at most.")
        }
        guard (1...rolesMax).contains(user.roles.count) else {
            throw invalid("ROLES", "Name 1 to \(rolesMax) roles.")
        }
        guard Set(user.roles).count == user.roles.count else {
            throw invalid("ROLES", "A role is named twice.")
        }
    }

    /// Whether it has as many characters, none of them a control character.
    static func isText(_ text: String, _ length: ClosedRange<Int>) -> Bool {
        text.utf8.count <= length.upperBound * 4 && length.contains(text.count)
            && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }

    static func invalid(_ reason: String, _ message: String) -> RPCError {
        RPCError(.invalidArgument, reason: reason, message: message)
    }

    static var noUser: RPCError {
        RPCError(
            .notFound, reason: "BREAK_GLASS_USER_NOT_FOUND",
            message: "There is no break-glass user of that name or ID.")
    }

    static var noGrant: RPCError {
        RPCError(
            .notFound, reason: "GRANT_NOT_FOUND", message: "This Region knows no such grant.")
    }
}
