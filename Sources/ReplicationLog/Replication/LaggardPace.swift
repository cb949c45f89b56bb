/// How much a Region that is far behind may take of the one it copies from: while that one is busy
/// writing, a tenth of the time; otherwise all it can get.
package enum LaggardPace {
    /// Commits a second from which on a Region counts as busy.
    package static let busyCommitsPerSecond = 50.0
    private static let pauseMax = Duration.milliseconds(500)

    /// How long to wait after a step (reading from disk and sending) during which the Region has
    /// committed so many times.
    package static func pause(after step: Duration, commits: UInt64) -> Duration {
        let seconds = max(step / .seconds(1), 0.001)
        guard Double(commits) / seconds >= busyCommitsPerSecond else { return .zero }
        return min(step * 9, pauseMax)
    }
}
