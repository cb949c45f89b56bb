import Contracts
import NIOCore
import ReplicatedState

/// Users, groups and memberships of the instance, in memory.
final class DirectoryState: DomainState {
    var users = RecordTable(.user)
    var groups = RecordTable(.group)
    var memberships = MembershipTable()
    var endedMemberships = EndedMemberships()
    /// Entries that could not be read. Not zero means a newer writer or a fault.
    private(set) var unreadable = 0
    /// Whose being there, enabled, or in groups may have changed.
    private(set) var changedPeople = RecentChanges<Identifier>(capacity: 4_096)

    init() {}

    func apply(_ change: DomainChange) {
        var key = change.key
        key.withUTF8 { key in
            let key = UnsafeRawBufferPointer(key)
            guard let value = change.value else { return apply(key, change.version, nil) }
            value.withUnsafeBytes { apply(key, change.version, $0) }
        }
    }

    func apply(_ change: LentChange) { apply(change.key, change.version, change.value) }

    private func apply(
        _ key: UnsafeRawBufferPointer, _ version: UInt64, _ value: UnsafeRawBufferPointer?
    ) {
        switch DirectoryKey(key) {
        case .user(let id): applyUser(id, value)
        case .group(let id): applyGroup(id, value)
        case .member(let group, let user): applyMember(group, user, version, value)
        case nil: unreadable += 1
        }
    }

    /// Version that a membership's next record has.
    func nextMembershipVersion(group: Identifier, user: Identifier) -> UInt64 {
        if let userRow = users.anyRow(user), let groupRow = groups.anyRow(group),
            let index = memberships.find(user: userRow, group: groupRow)
        {
            return UInt64(memberships[index].version) + 1
        }
        return UInt64(endedMemberships[group, user] ?? 0) + 1
    }

    private func applyUser(_ id: Identifier, _ value: UnsafeRawBufferPointer?) {
        changedPeople.note(id)
        if let value {
            if !users.set(users.claimRow(id), value) { unreadable += 1 }
        } else if let row = users.anyRow(id) {
            users.remove(row)
            if memberships.isEmpty(user: row) { users.releaseRow(row) }
        }
    }

    private func applyGroup(_ id: Identifier, _ value: UnsafeRawBufferPointer?) {
        noteMembers(ofGroup: id, isLive: value != nil)
        if let value {
            if !groups.set(groups.claimRow(id), value) { unreadable += 1 }
        } else if let row = groups.anyRow(id) {
            groups.remove(row)
            if memberships.count(ofGroup: row) == 0 { groups.releaseRow(row) }
        }
    }

    /// A group that comes or goes changes its members, whose own records may stand elsewhere.
    private func noteMembers(ofGroup id: Identifier, isLive: Bool) {
        guard let row = groups.anyRow(id), groups.isLive(row) != isLive else { return }
        for index in memberships.indexes(ofGroup: row) {
            changedPeople.note(users.ids[Int(memberships[index].user)])
        }
    }

    private func applyMember(
        _ group: Identifier, _ user: Identifier, _ version: UInt64,
        _ value: UnsafeRawBufferPointer?
    ) {
        changedPeople.note(user)
        let version = UInt32(clamping: version)
        guard let value else {
            endedMemberships[group, user] = version
            removeMember(group, user)
            return
        }
        guard let id = WireReader.bytes(of: 1, in: value).flatMap({ Identifier($0) }) else {
            unreadable += 1
            return
        }
        if !endedMemberships.isEmpty { endedMemberships[group, user] = nil }
        memberships.insert(
            user: users.claimRow(user), group: groups.claimRow(group), id: id, version: version)
    }

    private func removeMember(_ group: Identifier, _ user: Identifier) {
        guard let userRow = users.anyRow(user), let groupRow = groups.anyRow(group) else { return }
        memberships.remove(user: userRow, group: groupRow)
        if memberships.isEmpty(user: userRow) { users.releaseRow(userRow) }
        if memberships.count(ofGroup: groupRow) == 0 { groups.releaseRow(groupRow) }
    }
}

/// Keys of the domain "directory".
enum DirectoryKey {
    case user(Identifier)
    case group(Identifier)
    case member(group: Identifier, user: Identifier)

    init?(_ key: String) {
        var key = key
        let parsed = key.withUTF8 { Self(UnsafeRawBufferPointer($0)) }
        guard let parsed else { return nil }
        self = parsed
    }

    /// The same from bytes that are lent.
    init?(_ key: UnsafeRawBufferPointer) {
        if let id = Self.suffix(of: key, after: "user/") {
            guard let id = Identifier(id) else { return nil }
            self = .user(id)
        } else if let id = Self.suffix(of: key, after: "group/") {
            guard let id = Identifier(id) else { return nil }
            self = .group(id)
        } else if let ids = Self.suffix(of: key, after: "member/") {
            guard ids.count == 73,
                let group = Identifier(UnsafeRawBufferPointer(rebasing: ids.prefix(36))),
                let user = Identifier(UnsafeRawBufferPointer(rebasing: ids.suffix(36)))
            else { return nil }
            self = .member(group: group, user: user)
        } else {
            return nil
        }
    }

    var text: String {
        switch self {
        case .user(let id): "user/\(id.text)"
        case .group(let id): "group/\(id.text)"
        case .member(let group, let user): "member/\(group.text)/\(user.text)"
        }
    }

    private static func suffix(
        of text: UnsafeRawBufferPointer, after prefix: StaticString
    ) -> UnsafeRawBufferPointer? {
        let matches = prefix.withUTF8Buffer { text.starts(with: $0) }
        return matches
            ? UnsafeRawBufferPointer(rebasing: text.dropFirst(prefix.utf8CodeUnitCount)) : nil
    }
}
