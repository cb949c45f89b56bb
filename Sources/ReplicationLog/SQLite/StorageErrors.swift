import GRDB

extension LogError {
    /// What a failure of the storage means to a caller. SQL and arguments stay out of the text.
    static func storage(_ error: any Error) -> LogError {
        if let error = error as? LogError { return error }
        guard let error = error as? DatabaseError else {
            return LogError(.storageFailed, "The log's storage failed.", cause: error)
        }
        switch error.resultCode {
        case .SQLITE_FULL:
            return LogError(
                .storageFull,
                "The log's data directory is full: free space there; nothing was written.",
                cause: error)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN:
            return LogError(
                .storageReadOnly,
                "The log's data directory cannot be written to: check its permissions and mount.",
                cause: error)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            return LogError(
                .storageFailed, "The log's database is damaged; restore it or join again.",
                cause: error)
        default:
            return LogError(
                .storageFailed,
                "The log's storage failed (SQLite code \(error.extendedResultCode.rawValue)).",
                cause: error)
        }
    }

    /// Whether a smaller transaction might succeed where a group of them failed.
    var isWorthRetryingAlone: Bool {
        switch code {
        case .storageFull, .storageReadOnly, .closed: false
        default: true
        }
    }
}
