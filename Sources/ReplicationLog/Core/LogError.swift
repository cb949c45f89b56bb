package import Contracts

/// Why the log refused or could not do something.
package struct LogError: Error, Sendable {
    /// Stable; cross the wire as the reason.
    package enum Code: String, Sendable, CaseIterable {
        /// A control append outside the primary.
        case notPrimary = "NOT_PRIMARY"
        /// This Region holds no instance, or is not yet allowed to write.
        case regionNotEnabled = "REGION_NOT_ENABLED"
        /// The caller's view of the domain is behind; `domainSequence` says by how much.
        case domainAdvanced = "DOMAIN_ADVANCED"
        /// The append that this one follows is not in the log: it has been overtaken, or refused.
        case predecessorUnknown = "PREDECESSOR_UNKNOWN"
        /// A record breaks a limit or a rule of the log.
        case invalidRecord = "INVALID_RECORD"
        /// An entry comes from a Region that does not write its stream.
        case wrongWriter = "WRONG_WRITER"
        /// An entry is of an earlier reign than one already held.
        case epochStale = "EPOCH_STALE"
        /// An entry is of a reign that this Region has not been told of.
        case epochUnknown = "EPOCH_UNKNOWN"
        /// This Region holds entries of the control stream that are not part of the log.
        case forked = "LOG_FORKED"
        /// Entries before the received ones are missing.
        case gap = "LOG_GAP"
        /// An entry is not what its writer wrote.
        case checksumMismatch = "CHECKSUM_MISMATCH"
        /// The reader was away for longer than tombstones are kept: it must copy again.
        case positionExpired = "POSITION_EXPIRED"
        /// The positions or entries belong to another log.
        case logMismatch = "LOG_MISMATCH"
        /// Too much is waiting to be written.
        case busy = "LOG_BUSY"
        case storageFull = "STORAGE_FULL"
        case storageReadOnly = "STORAGE_READ_ONLY"
        case storageFailed = "STORAGE_FAILED"
        /// The engine has been closed.
        case closed = "LOG_CLOSED"
    }

    package let code: Code
    /// Safe for an operator's log: no value, no argument.
    package let message: String
    /// With `domainAdvanced` and `predecessorUnknown`: the last sequence of the domain.
    package let domainSequence: UInt64?
    /// With `notPrimary`: who is.
    package let primaryRegion: String?
    /// With `checksumMismatch` of what lies in storage: the entry that is damaged.
    package let damaged: EntryPlace?
    package let cause: (any Error)?

    package init(
        _ code: Code, _ message: String, domainSequence: UInt64? = nil,
        primaryRegion: String? = nil, damaged: EntryPlace? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.domainSequence = domainSequence
        self.primaryRegion = primaryRegion
        self.damaged = damaged
        self.cause = cause
    }
}

extension LogError: CustomStringConvertible {
    package var description: String { "\(code.rawValue): \(message)" }
}

extension LogError {
    /// An entry in storage is not what was written.
    package static func damaged(_ entry: LogEntry, in stream: StreamName) -> LogError {
        damaged(at: EntryPlace(stream: stream, sequence: entry.sequence))
    }

    package static func damaged(at place: EntryPlace) -> LogError {
        LogError(
            .checksumMismatch,
            "Entry \(place.sequence) of \(place.stream) is not what was written: the storage is "
                + "damaged.", damaged: place)
    }
}
