import RPC

/// What CreateGrant gives besides the grant's ID.
enum GrantToken {
    static let countMax = 10
    private static let prefix = "portolan-grant-1-"

    static func token(of grantID: String) -> String { prefix + grantID }

    /// Nil for a text that is no token.
    static func grantID(_ token: String) -> String? {
        token.hasPrefix(prefix) ? String(token.dropFirst(prefix.count)) : nil
    }

    static var invalid: RPCError {
        RPCError(
            .invalidArgument, reason: "InvalidGrantTokenException",
            message: "The grant token is not one of this Region.")
    }
}
