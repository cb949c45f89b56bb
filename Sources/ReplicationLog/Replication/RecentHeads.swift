/// Where the streams stood some time ago: compaction stays behind that, so that a backup that is taken
/// more often finds every state there was between two points.
package struct RecentHeads: Sendable {
    private struct Sample {
        var instant: ContinuousClock.Instant
        var heads: [StreamName: UInt64]
    }

    private let age: Duration
    private var samples: [Sample] = []
    private var incarnation: UInt64 = 0

    /// `age` is how long what has been replaced is kept at least.
    package init(age: Duration) { self.age = age }

    /// Notes where the streams stand, and returns where they stood `age` ago; streams that were not
    /// there, or have been copied again since, are left out.
    package mutating func note(
        _ state: LogState, at instant: ContinuousClock.Instant
    ) -> [StreamName: UInt64] {
        let incarnation = state.identity?.incarnation ?? 0
        if incarnation != self.incarnation { samples.removeAll() }
        self.incarnation = incarnation
        samples.append(Sample(instant: instant, heads: state.streams.mapValues(\.head)))
        let isOld = { (sample: Sample) in sample.instant + age <= instant }
        // The newest of those that are old enough, and all later ones.
        let first = samples.lastIndex(where: isOld)
        samples.removeFirst(first ?? 0)
        return first == nil ? [:] : samples[0].heads
    }
}
