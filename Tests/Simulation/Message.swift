import Contracts
import ReplicationLog

/// What coordinators of different Regions say to each other.
enum Message {
    case subscribe(
        connection: UInt64, logID: String, after: [LogPosition], purged: [LogPosition])
    case entries(connection: UInt64, StreamMessage)
    case refused(connection: UInt64, LogError.Code)
    case acknowledge([LogPosition])
    /// The reigns that the sender knows, and where it stands in the control stream.
    case reigns(ReignHistory, control: LogPosition, isQuestion: Bool)
    case promiseWanted(UInt64, Succession, isForced: Bool)
    case promise(UInt64, Bool, control: LogPosition)
    /// The sender cannot read its copy of an entry.
    case entryWanted(EntryPlace)
    case entryHeld(LogEntry)
    /// The sender writes that stream and does not hold the entry, or not intact.
    case entryMissing(EntryPlace)
    case digestsWanted
    case digests([LogDomainDigest])
}
