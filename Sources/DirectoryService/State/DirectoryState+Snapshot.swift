import ReplicatedState

/// The state as bytes: memberships that ended, then users with their memberships, then groups.
extension DirectoryState {
    static var snapshotLayout: UInt32 { 1 }

    /// What could not be read may be known to a later version of the program, which has to see it.
    var isSnapshotable: Bool { unreadable == 0 }

    /// Rows of one call.
    private static var rowsAtOnce: Int { 128 }

    /// Places count shelves, then rows of users; those of groups begin far behind them.
    private static var firstUser: Int { EndedMemberships.shelfCount }
    private static var firstGroup: Int { 1 << 40 }

    private enum Item: UInt8 {
        case ended = 1
        case user = 2
        case group = 3
    }

    func copy(from place: Int, into part: inout SnapshotPart) -> Int? {
        if place < Self.firstUser {
            copyEnded(place, into: &part)
            return place + 1
        }
        if place < Self.firstGroup {
            let first = place - Self.firstUser
            let end = min(first + Self.rowsAtOnce, users.ids.count)
            for row in first..<max(first, end) { copyUser(UInt32(row), into: &part) }
            return end < users.ids.count ? Self.firstUser + end : Self.firstGroup
        }
        let first = place - Self.firstGroup
        let end = min(first + Self.rowsAtOnce, groups.ids.count)
        for row in first..<max(first, end) { copyGroup(UInt32(row), into: &part) }
        return end < groups.ids.count ? Self.firstGroup + end : nil
    }

    private func copyEnded(_ index: Int, into part: inout SnapshotPart) {
        let shelf = endedMemberships.shelf(index)
        guard !shelf.isEmpty else { return }
        part.append(Item.ended.rawValue)
        part.append(UInt32(shelf.count))
        for (pair, version) in shelf {
            part.append(pair)
            part.append(version)
        }
    }

    private func copyUser(_ row: UInt32, into part: inout SnapshotPart) {
        let memberships = memberships.indexes(ofUser: row)
        guard users.isLive(row) || !memberships.isEmpty else { return }
        part.append(Item.user.rawValue)
        part.append(users.ids[Int(row)])
        users.withRecord(row) { part.append($0) }
        part.append(UInt32(memberships.count))
        // Oldest first, since they are told newest first.
        for index in memberships.reversed() {
            let membership = self.memberships[index]
            part.append(membership.id)
            part.append(groups.ids[Int(membership.group)])
            part.append(membership.version)
        }
    }

    /// Groups of which nothing but memberships is known come with these.
    private func copyGroup(_ row: UInt32, into part: inout SnapshotPart) {
        guard groups.isLive(row) else { return }
        part.append(Item.group.rawValue)
        part.append(groups.ids[Int(row)])
        groups.withRecord(row) { part.append($0) }
    }

    func restore(_ part: SnapshotPartReader) -> Bool {
        var part = part
        while !part.isAtEnd {
            let isGood =
                switch part.number(UInt8.self).flatMap(Item.init) {
                case .ended: restoreEnded(&part)
                case .user: restoreUser(&part)
                case .group: restoreGroup(&part)
                case nil: false
                }
            guard isGood else { return false }
        }
        return true
    }

    private func restoreEnded(_ part: inout SnapshotPartReader) -> Bool {
        guard let count = part.number(UInt32.self) else { return false }
        for _ in 0..<count {
            guard let pair = part.number(UInt64.self), let version = part.number(UInt32.self) else {
                return false
            }
            endedMemberships.set(pair, version)
        }
        return true
    }

    private func restoreUser(_ part: inout SnapshotPartReader) -> Bool {
        guard let id = part.identifier(), let record = part.lent(),
            let count = part.number(UInt32.self)
        else { return false }
        let row = users.claimRow(id)
        guard record.isEmpty || users.set(row, record) else { return false }
        for _ in 0..<count {
            guard let id = part.identifier(), let group = part.identifier(),
                let version = part.number(UInt32.self)
            else { return false }
            memberships.insert(
                user: row, group: groups.claimRow(group), id: id, version: version)
        }
        return true
    }

    private func restoreGroup(_ part: inout SnapshotPartReader) -> Bool {
        guard let id = part.identifier(), let record = part.lent() else { return false }
        return groups.set(groups.claimRow(id), record)
    }
}

extension SnapshotPart {
    fileprivate mutating func append(_ id: Identifier) {
        append(id.high)
        append(id.low)
    }
}

extension SnapshotPartReader {
    fileprivate mutating func identifier() -> Identifier? {
        guard let high = number(UInt64.self), let low = number(UInt64.self) else { return nil }
        return Identifier(high: high, low: low)
    }
}
