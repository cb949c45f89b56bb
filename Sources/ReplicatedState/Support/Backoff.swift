/// How long to wait before trying again: doubles from 50 ms to 5 s, with jitter.
package struct Backoff: Sendable {
    private var attempts = 0

    package init() {}

    /// 50% to 100% of the present step.
    package mutating func next() -> Duration {
        let step = min(5_000, 50 << min(attempts, 7))
        attempts += 1
        return .milliseconds(Int.random(in: step / 2...step))
    }

    /// To be called when an attempt went well.
    package mutating func reset() { attempts = 0 }
}
