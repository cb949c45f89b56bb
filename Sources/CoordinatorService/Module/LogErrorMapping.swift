import Contracts
import RPC
import ReplicationLog

extension RPCError {
    /// What a refusal of the log is on the wire. `metadata` adds facts such as the primary's address.
    init(_ error: LogError, metadata: [String: String] = [:]) {
        var metadata = metadata
        if let sequence = error.domainSequence { metadata["domain-sequence"] = String(sequence) }
        if let primary = error.primaryRegion { metadata["primary-region"] = primary }
        self.init(
            Self.code(of: error.code), reason: error.code.rawValue, message: error.message,
            metadata: metadata, cause: error)
    }

    private static func code(of code: LogError.Code) -> Code {
        switch code {
        case .notPrimary, .regionNotEnabled, .wrongWriter, .epochStale, .epochUnknown, .gap,
            .forked, .logMismatch, .storageReadOnly:
            .failedPrecondition
        case .domainAdvanced, .predecessorUnknown: .aborted
        case .invalidRecord: .invalidArgument
        case .checksumMismatch: .dataLoss
        case .positionExpired: .outOfRange
        case .storageFull: .resourceExhausted
        case .busy, .storageFailed, .closed: .unavailable
        }
    }
}
