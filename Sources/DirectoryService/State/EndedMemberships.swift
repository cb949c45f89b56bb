/// Last version of memberships that ended, so that a new one counts on from it.
///
/// By a number made from both identifiers, which are random: 12 bytes for each, in shelves small enough
/// to be copied under the state's lock.
struct EndedMemberships {
    static let shelfCount = 1_024

    private var shelves = [[UInt64: UInt32]](repeating: [:], count: shelfCount)
    private(set) var count = 0
    var isEmpty: Bool { count == 0 }

    subscript(group: Identifier, user: Identifier) -> UInt32? {
        get {
            let pair = Self.pair(group, user)
            return shelves[Self.shelf(pair)][pair]
        }
        set { set(Self.pair(group, user), newValue) }
    }

    mutating func set(_ pair: UInt64, _ version: UInt32?) {
        let shelf = Self.shelf(pair)
        count -= shelves[shelf].count
        shelves[shelf][pair] = version
        count += shelves[shelf].count
    }

    func shelf(_ index: Int) -> [UInt64: UInt32] { shelves[index] }

    private static func shelf(_ pair: UInt64) -> Int { Int(pair >> 54) }

    /// The same in every process. Not symmetric: identifiers of groups and users are of one kind.
    private static func pair(_ group: Identifier, _ user: Identifier) -> UInt64 {
        var hash: UInt64 = 0
        for word in [group.high, group.low, user.high, user.low] {
            hash = (hash ^ word) &* 0x9e37_79b9_7f4a_7c15
            hash ^= hash >> 29
        }
        return hash
    }
}
