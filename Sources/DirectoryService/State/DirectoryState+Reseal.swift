import Contracts
import ReplicatedState
import SwiftProtobuf

extension DirectoryState {
    /// What could not be read is not known.
    var isComparable: Bool { unreadable == 0 }

    var recordCount: Int? { users.count + groups.count + memberships.count }

    func version(ofRecord key: String, in stream: String) -> UInt64? {
        switch DirectoryKey(key) {
        case .user(let id): users.row(id).flatMap { users.withFields($0) { $0.version } }
        case .group(let id): groups.row(id).flatMap { groups.withFields($0) { $0.version } }
        case .member(let group, let user):
            // A membership that ended counts on, so it is known as well.
            switch nextMembershipVersion(group: group, user: user) - 1 {
            case 0: nil
            case let version: version
            }
        case nil: nil
        }
    }

    /// Users and groups say their version themselves.
    func value(_ value: [UInt8], of key: String, as version: UInt64) -> [UInt8]? {
        switch DirectoryKey(key) {
        case .user:
            guard var record = try? DirectoryUserRecord(serializedBytes: value) else { return nil }
            record.user.version = version
            return try? record.serializedBytes()
        case .group:
            guard var record = try? DirectoryGroupRecord(serializedBytes: value) else { return nil }
            record.group.version = version
            return try? record.serializedBytes()
        case .member: return value
        case nil: return nil
        }
    }
}
