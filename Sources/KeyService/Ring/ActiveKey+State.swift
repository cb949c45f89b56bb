import Contracts
import RPC

/// What the state of a key lets one do (KMS Developer Guide, "Key states").
extension ActiveKey {
    /// - Throws: DisabledException or KMSInvalidStateException unless the key may be used.
    func requireUsable() throws {
        switch stored.state {
        case .enabled, .updating: return
        case .disabled: throw RPCError.disabled(arn)
        default: throw RPCError.invalidState(arn, Self.explanation(stored.state))
        }
    }

    /// For CancelKeyDeletion.
    func requirePendingDeletion() throws {
        guard stored.state == .pendingDeletion || stored.state == .pendingReplicaDeletion else {
            throw RPCError.invalidState(arn, "is not pending deletion")
        }
    }

    /// For EnableKey and DisableKey.
    func requireSwitchable() throws {
        guard stored.state == .enabled || stored.state == .disabled else {
            throw RPCError.invalidState(arn, Self.explanation(stored.state))
        }
    }

    /// For ScheduleKeyDeletion.
    func requireDeletable() throws {
        switch stored.state {
        case .enabled, .disabled, .pendingImport, .creating: return
        default: throw RPCError.invalidState(arn, Self.explanation(stored.state))
        }
    }

    /// For CreateAlias.
    func requireNotPendingDeletion() throws {
        guard stored.state != .pendingDeletion, stored.state != .pendingReplicaDeletion else {
            throw RPCError.invalidState(arn, Self.explanation(stored.state))
        }
    }

    /// For ReplicateKey.
    func requireEnabled() throws {
        switch stored.state {
        case .enabled: return
        case .disabled: throw RPCError.disabled(arn)
        default: throw RPCError.invalidState(arn, Self.explanation(stored.state))
        }
    }

    /// Keys of the system itself stay as they are.
    func requireCustomerManaged(_ operation: String) throws {
        guard !stored.isServiceManaged else {
            throw RPCError.unsupported(
                "\(operation) is not possible for \(arn), a key of the system.")
        }
    }

    private static func explanation(_ state: KeysKeyState) -> String {
        switch state {
        case .creating: "is creating"
        case .updating: "is updating"
        case .disabled: "is disabled"
        case .pendingDeletion: "is pending deletion"
        case .pendingReplicaDeletion: "is pending deletion, once its replicas are gone"
        case .pendingImport: "is pending import"
        default: "is unavailable"
        }
    }
}
