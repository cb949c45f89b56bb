import GRDB
import RPC

/// What the disk's failures are called outside.
extension RPCError {
    /// The error of an operation that the store did not perform. Nothing of it was kept.
    static func storage(_ error: any Error) -> RPCError {
        guard let error = error as? DatabaseError else {
            return error as? RPCError ?? .keysInternal(error)
        }
        switch error.resultCode {
        case .SQLITE_FULL:
            return RPCError(
                .resourceExhausted, reason: "STORAGE_FULL",
                message: "The keys service's data directory is full; nothing was changed.",
                cause: error)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN:
            return RPCError(
                .failedPrecondition, reason: "STORAGE_READ_ONLY",
                message: "The keys service cannot write its data directory; nothing was changed.",
                cause: error)
        case .SQLITE_IOERR, .SQLITE_BUSY, .SQLITE_LOCKED:
            return RPCError(
                .unavailable, reason: "STORAGE_FAILED",
                message: "The keys service's disk failed; nothing was changed.", cause: error)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            return RPCError(
                .dataLoss, reason: "STORAGE_CORRUPT",
                message: "The keys service's database is damaged; restore it from backup.",
                cause: error)
        default: return .keysInternal(error)
        }
    }
}

/// Why the store could not be opened. Start-up ends with it.
package struct KeyStoreError: Error, CustomStringConvertible {
    package let message: String

    package var description: String { message }
}
