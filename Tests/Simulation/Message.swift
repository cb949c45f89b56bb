import Contracts
import ReplicationLog

/// What coordinators of different Regions say to each other.
enum Message {
    case subscribe(connection: UInt64, logID: String, after: [LogPosition])
    case entries(connection: UInt64, StreamMessage)
    case refused(connection: UInt64, LogError.Code)
    case acknowledge([LogPosition])
    /// The reigns that the sender knows, and where it stands in the control stream.
    case reigns(ReignHistory, control: LogPosition, isQuestion: Bool)
    case promiseWanted(UInt64, Succession, isForced: Bool)
    case promise(UInt64, Bool, control: LogPosition)
    case digestsWanted
    case digests([LogDomainDigest])
}
