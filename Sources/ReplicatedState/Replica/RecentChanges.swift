/// What changed last in a state, for whoever keeps something that was made from it.
///
/// Holds the last `capacity` changes. Whoever comes later than that, or with a mark of another state,
/// is told that everything may have changed.
package struct RecentChanges<Element: Sendable>: Sendable {
    /// A moment in the life of a state.
    package struct Mark: Sendable, Equatable {
        fileprivate let life: UInt64
        fileprivate let count: UInt64
    }

    private let capacity: Int
    private var life = UInt64.random(in: .min ... .max)
    private var count: UInt64 = 0
    private var ring: [Element] = []

    package init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
    }

    /// Now.
    package var mark: Mark { Mark(life: life, count: count) }

    /// Something changed that concerns one.
    package mutating func note(_ element: Element) {
        let place = Int(count % UInt64(capacity))
        if place < ring.count { ring[place] = element } else { ring.append(element) }
        count += 1
    }

    /// Something changed that may concern anybody.
    package mutating func noteAll() {
        life &+= 1
        count = 0
        ring.removeAll(keepingCapacity: true)
    }

    /// What changed since, oldest first and perhaps more than once; nil when it may be anything.
    package func since(_ mark: Mark) -> [Element]? {
        guard mark.life == life, mark.count <= count, count - mark.count <= UInt64(capacity) else {
            return nil
        }
        return (mark.count..<count).map { ring[Int($0 % UInt64(capacity))] }
    }
}
