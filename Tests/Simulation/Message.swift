import Contracts
import ReplicationLog

/// What coordinators of different Regions say to each other.
enum Message {
    case subscribe(connection: UInt64, logID: String, after: [LogPosition])
    case entries(connection: UInt64, StreamMessage)
    case refused(connection: UInt64, LogError.Code)
    case acknowledge([LogPosition])
    case digestsWanted
    case digests([LogDomainDigest])
}
