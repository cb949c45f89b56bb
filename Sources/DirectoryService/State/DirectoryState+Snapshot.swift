import ReplicatedState

/// The state as bytes: memberships that ended, then users with their memberships, then groups.
extension DirectoryState {
    static var snapshotLayout: UInt32 { 1 }

    /// What could not be read may be known to a later version of the program, which has to see it.
    var isSnapshotable: Bool { unreadable == 0 }

    /// Rows of one call, and bytes after which it ends.
    private static var rowsAtOnce: Int { 128 }
    private static var bytesAtOnce: Int { 128 << 10 }

    /// Places count shelves, then rows of users; those of groups begin far behind them.
    private static var firstUser: Int { EndedMemberships.shelfCount }
    private static var firstGroup: Int { 1 << 40 }

    private enum Item: UInt8 {
        /// How much there is of everything, so that it is allocated at once.
        case sizes = 0
        case ended = 1
        case user = 2
        case group = 3
    }

    func copy(from place: Int, into part: inout SnapshotPart) -> Int? {
        if place == 0 { copySizes(into: &part) }
        if place < Self.firstUser {
            copyEnded(place, into: &part)
            return place + 1
        }
        if place < Self.firstGroup {
            let next = copyRows(from: place - Self.firstUser, of: users.ids.count, into: &part) {
                copyUser($0, into: &$1)
            }
            return next.map { Self.firstUser + $0 } ?? Self.firstGroup
        }
        let next = copyRows(from: place - Self.firstGroup, of: groups.ids.count, into: &part) {
            copyGroup($0, into: &$1)
        }
        return next.map { Self.firstGroup + $0 }
    }

    /// The next row; nil after the last.
    private func copyRows(
        from first: Int, of count: Int, into part: inout SnapshotPart,
        _ copy: (UInt32, inout SnapshotPart) -> Void
    ) -> Int? {
        var row = first
        while row < min(first + Self.rowsAtOnce, count), part.bytes.count < Self.bytesAtOnce {
            copy(UInt32(row), &part)
            row += 1
        }
        return row < count ? row : nil
    }

    private func copySizes(into part: inout SnapshotPart) {
        part.append(Item.sizes.rawValue)
        for size in users.sizes + groups.sizes { part.append(UInt32(size)) }
        part.append(UInt32(memberships.count))
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
                switch part.byte().flatMap(Item.init) {
                case .sizes: reserve(&part)
                case .ended: restoreEnded(&part)
                case .user: restoreUser(&part)
                case .group: restoreGroup(&part)
                case nil: false
                }
            guard isGood else { return false }
        }
        return true
    }

    private func reserve(_ part: inout SnapshotPartReader) -> Bool {
        var sizes: [Int] = []
        for _ in 0..<2 * RecordTable.sizeCount + 1 {
            guard let size = part.uint32() else { return false }
            sizes.append(Int(size))
        }
        users.reserve(sizes.prefix(RecordTable.sizeCount))
        groups.reserve(sizes.dropFirst(RecordTable.sizeCount).prefix(RecordTable.sizeCount))
        memberships.reserve(sizes[sizes.count - 1])
        return true
    }

    private func restoreEnded(_ part: inout SnapshotPartReader) -> Bool {
        guard let count = part.uint32() else { return false }
        for _ in 0..<count {
            guard let pair = part.uint64(), let version = part.uint32() else {
                return false
            }
            endedMemberships.set(pair, version)
        }
        return true
    }

    private func restoreUser(_ part: inout SnapshotPartReader) -> Bool {
        guard let id = part.identifier(), let record = part.lent(),
            let count = part.uint32()
        else { return false }
        let row = users.claimRow(id)
        guard record.isEmpty || users.set(row, record) else { return false }
        for _ in 0..<count {
            guard let id = part.identifier(), let group = part.identifier(),
                let version = part.uint32()
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
        guard let high = uint64(), let low = uint64() else { return nil }
        return Identifier(high: high, low: low)
    }
}
