/// How long sealing anew rests between two batches, so that requests come first.
struct ResealPace: Sendable {
    /// Records of one batch.
    static let batchMax = 256
    static let restMin = Duration.milliseconds(2)
    static let restMax = Duration.seconds(2)

    private var requestsSeen: UInt64

    /// - Parameter requests: writes that callers have asked for so far.
    init(requests: UInt64) { requestsSeen = requests }

    /// What follows a batch that took so long: as much rest where nobody else writes, else nine times
    /// as much.
    mutating func rest(after took: Duration, requests: UInt64) -> Duration {
        let isBusy = requests != requestsSeen
        requestsSeen = requests
        return min(Self.restMax, max(Self.restMin, took * (isBusy ? 9 : 1)))
    }
}
