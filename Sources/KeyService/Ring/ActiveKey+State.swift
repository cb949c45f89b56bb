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

    /// For CreateAlias, UpdateAlias, tags and descriptions.
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

    /// For UpdatePrimaryRegion, to which an update that is on its way is no obstacle.
    func requireMovable(to region: String) throws {
        if stored.state == .updating, stored.promotion.map({ $0.region == region }) ?? true {
            return
        }
        try requireEnabled()
    }

    /// For EnableKeyRotation, DisableKeyRotation and RotateKeyOnDemand.
    func requireRotatable(_ operation: String) throws {
        try requireCustomerManaged(operation)
        guard stored.spec == .symmetricDefault, !stored.isImported,
            stored.state != .pendingImport
        else {
            throw RPCError.unsupported(
                "\(operation) is for symmetric keys with material made here.")
        }
        guard isPrimary || !stored.isMultiRegion else {
            throw RPCError.unsupported(
                "\(arn) is a replica; ask for \(operation) in \(stored.primaryRegion).")
        }
        try requireUsable()
        guard stored.promotion == nil else {
            throw RPCError.invalidState(arn, Self.explanation(.updating))
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
