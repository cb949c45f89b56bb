package import RPC

/// Whether a replica can answer.
package enum ReplicaStatus: Sendable {
    /// The Region holds no instance.
    case notEnabled
    /// Reading the log after a start: entries applied, of so many.
    case loading(applied: UInt64, total: UInt64)
    case open
    /// Dropped what it held: the key is refused, or the log is damaged.
    case closed(RPCError)

    /// The error to answer with; nil when open.
    package var error: RPCError? {
        switch self {
        case .open: nil
        case .closed(let error): error
        case .notEnabled:
            RPCError(
                .failedPrecondition, reason: "REGION_NOT_ENABLED",
                message: "This Region holds no instance.")
        case .loading(let applied, let total):
            RPCError(
                .unavailable, reason: "STATE_LOADING",
                message: "The service is still reading its state: \(applied) of \(total) entries.")
        }
    }

    /// "open", "loading", "closed" or "not-enabled".
    package var name: String {
        switch self {
        case .notEnabled: "not-enabled"
        case .loading: "loading"
        case .open: "open"
        case .closed: "closed"
        }
    }

    /// Why it is not open, for an operator; empty when open.
    package var reason: String { error.map { "\($0.reason): \($0.message)" } ?? "" }

    package var isOpen: Bool {
        if case .open = self { true } else { false }
    }
}
