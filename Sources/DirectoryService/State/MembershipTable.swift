/// Who is in which group: per user a linked list, per group an array that is sorted when it is read.
struct MembershipTable {
    struct Membership {
        var id: Identifier
        var user: UInt32
        var group: UInt32
        var version: UInt32
        /// Next membership of the same user, plus one; 0 ends the list.
        fileprivate var next: UInt32
    }

    private struct Members {
        var rows: [UInt32] = []
        var isSorted = true
    }

    private var all: [Membership] = []
    private var free: [UInt32] = []
    /// First membership of a user plus one, by user row.
    private var heads: [UInt32] = []
    private var groups: [Members] = []
    /// Memberships by the bits of their own IDs; nil until somebody asks by one, as few ever do.
    private var byID: HashIndex?
    /// Memberships in all.
    private(set) var count = 0

    subscript(index: UInt32) -> Membership { all[Int(index)] }

    func find(user: UInt32, group: UInt32) -> UInt32? {
        guard Int(user) < heads.count else { return nil }
        var next = heads[Int(user)]
        while next > 0 {
            if all[Int(next - 1)].group == group { return next - 1 }
            next = all[Int(next - 1)].next
        }
        return nil
    }

    /// The membership with an ID of its own. The first call makes the index for it.
    mutating func find(id: Identifier) -> UInt32? {
        if byID == nil { byID = indexByID() }
        let all = all
        return byID?.find(id.bits) { all[Int($0)].id == id }
    }

    private func indexByID() -> HashIndex {
        var index = HashIndex()
        index.reserve(count)
        for row in groups.lazy.flatMap(\.rows) { index.insert(all[Int(row)].id.bits, row) }
        return index
    }

    /// Memberships of a user, newest first.
    func indexes(ofUser user: UInt32) -> [UInt32] {
        guard Int(user) < heads.count else { return [] }
        var result: [UInt32] = []
        var next = heads[Int(user)]
        while next > 0 {
            result.append(next - 1)
            next = all[Int(next - 1)].next
        }
        return result
    }

    /// Memberships of a group, in no order.
    func indexes(ofGroup group: UInt32) -> [UInt32] {
        Int(group) < groups.count ? groups[Int(group)].rows : []
    }

    func count(ofGroup group: UInt32) -> Int {
        Int(group) < groups.count ? groups[Int(group)].rows.count : 0
    }

    func isEmpty(user: UInt32) -> Bool { Int(user) >= heads.count || heads[Int(user)] == 0 }

    /// Memberships of a group in order of user ID, after one user.
    mutating func page(
        ofGroup group: UInt32, after id: Identifier?, limit: Int, userIDs: [Identifier]
    ) -> ArraySlice<UInt32> {
        guard Int(group) < groups.count else { return [] }
        if !groups[Int(group)].isSorted {
            groups[Int(group)].rows.sort {
                userIDs[Int(all[Int($0)].user)] < userIDs[Int(all[Int($1)].user)]
            }
            groups[Int(group)].isSorted = true
        }
        let rows = groups[Int(group)].rows
        var low = 0
        var high = rows.count
        while let id, low < high {
            let middle = (low + high) / 2
            if userIDs[Int(all[Int(rows[middle])].user)] <= id {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return rows[low..<min(rows.count, low + limit)]
    }

    /// Makes room for so many.
    mutating func reserve(_ count: Int) { all.reserveCapacity(count) }

    mutating func insert(user: UInt32, group: UInt32, id: Identifier, version: UInt32) {
        if let known = find(user: user, group: group) {
            byID?.remove(all[Int(known)].id.bits, known)
            byID?.insert(id.bits, known)
            all[Int(known)].id = id
            all[Int(known)].version = version
            return
        }
        grow(user: user, group: group)
        let membership = Membership(
            id: id, user: user, group: group, version: version, next: heads[Int(user)])
        let index: UInt32
        if let freed = free.popLast() {
            index = freed
            all[Int(index)] = membership
        } else {
            index = UInt32(all.count)
            all.append(membership)
        }
        heads[Int(user)] = index + 1
        byID?.insert(id.bits, index)
        groups[Int(group)].rows.append(index)
        groups[Int(group)].isSorted = groups[Int(group)].rows.count == 1
        count += 1
    }

    mutating func remove(user: UInt32, group: UInt32) {
        guard let index = find(user: user, group: group) else { return }
        unlink(index, user: user)
        byID?.remove(all[Int(index)].id.bits, index)
        if let position = groups[Int(group)].rows.firstIndex(of: index) {
            groups[Int(group)].rows.remove(at: position)
        }
        free.append(index)
        count -= 1
    }

    private mutating func unlink(_ index: UInt32, user: UInt32) {
        let next = all[Int(index)].next
        if heads[Int(user)] == index + 1 {
            heads[Int(user)] = next
            return
        }
        for other in indexes(ofUser: user) where all[Int(other)].next == index + 1 {
            all[Int(other)].next = next
            return
        }
    }

    private mutating func grow(user: UInt32, group: UInt32) {
        if heads.count <= Int(user) {
            heads.append(contentsOf: repeatElement(0, count: Int(user) + 1 - heads.count))
        }
        if groups.count <= Int(group) {
            groups.append(
                contentsOf: repeatElement(Members(), count: Int(group) + 1 - groups.count))
        }
    }
}

extension Identifier {
    /// Both halves in one: most of an identifier's bits are random, so these are a hash.
    fileprivate var bits: UInt64 { high ^ low }
}
