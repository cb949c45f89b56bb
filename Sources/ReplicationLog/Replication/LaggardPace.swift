/// How much a Region that is far behind may take of the one it copies from: while that one is busy
/// writing, a forty-fifth of the time; otherwise all it can get.
package struct LaggardPace: Sendable {
    /// Commits a second from which on a Region counts as busy.
    package static let busyCommitsPerSecond = 50.0
    private static let pauseMax = Duration.seconds(1)
    /// One step is too short to tell: some have no commit in them.
    private static let window = Duration.milliseconds(100)

    private var windowStart: ContinuousClock.Instant
    private var commitsBefore: UInt64
    private var isBusy = false

    /// - Parameter commits: of the Region so far.
    package init(commits: UInt64, at now: ContinuousClock.Instant) {
        windowStart = now
        commitsBefore = commits
    }

    /// How long to wait after a step (reading from disk and sending).
    package mutating func pause(
        after step: Duration, commits: UInt64, at now: ContinuousClock.Instant
    ) -> Duration {
        let time = windowStart.duration(to: now)
        if time >= Self.window {
            let rate = Double(commits - min(commits, commitsBefore)) / (time / .seconds(1))
            isBusy = rate >= Self.busyCommitsPerSecond
            windowStart = now
            commitsBefore = commits
        }
        return isBusy ? min(step * 44, Self.pauseMax) : .zero
    }
}
