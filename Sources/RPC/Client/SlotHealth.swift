import NIOCore
import Synchronization

/// How the calls over one connection go: what its pool needs to choose.
///
/// A server may be connected and yet not able to answer; while it says UNAVAILABLE its address is
/// avoided for growing pauses, if there is another.
final class SlotHealth: Sendable {
    private let underWay = Atomic<Int>(0)
    private let refusals = Atomic<Int>(0)
    private let avoidedUntil = Atomic<UInt64>(0)

    /// Unary calls without an answer yet.
    var inFlight: Int { underWay.load(ordering: .relaxed) }

    func isUnwell(_ now: NIODeadline) -> Bool {
        refusals.load(ordering: .relaxed) > 0
            && avoidedUntil.load(ordering: .relaxed) > now.uptimeNanoseconds
    }

    func began() { underWay.add(1, ordering: .relaxed) }

    func ended() {
        underWay.subtract(1, ordering: .relaxed)
        if refusals.load(ordering: .relaxed) > 0 { refusals.store(0, ordering: .relaxed) }
    }

    /// The call failed; `isOfServer` when the server itself said that it is unavailable.
    func failed(isOfServer: Bool, _ configuration: ClientConfiguration) {
        underWay.subtract(1, ordering: .relaxed)
        guard isOfServer else { return }
        let count = refusals.add(1, ordering: .relaxed).newValue
        let until = NIODeadline.now() + TimeAmount(configuration.backOff(failures: count))
        avoidedUntil.store(until.uptimeNanoseconds, ordering: .relaxed)
    }
}
