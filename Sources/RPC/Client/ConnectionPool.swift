import Logging
import NIOCore
import Synchronization

/// The connections of one client, over all addresses of its server.
final class ConnectionPool: Sendable {
    let slots: [ConnectionSlot]
    /// Whether there is an address besides the one that failed.
    let hasSeveralAddresses: Bool
    private let next = Atomic<Int>(0)

    init(
        addresses: [RPCAddress], expected: PeerIdentity, tls: TLSIdentityStore,
        group: any EventLoopGroup, configuration: ClientConfiguration, logger: Logger
    ) {
        hasSeveralAddresses = Set(addresses).count > 1
        slots = (0..<max(configuration.connections, addresses.count)).map { index in
            ConnectionSlot(
                ClientTarget(
                    address: addresses[index % addresses.count], expected: expected, tls: tls,
                    eventLoop: group.next(), configuration: configuration, logger: logger))
        }
    }

    /// The connection for a call: the readiest, among equals the one with the fewest calls under
    /// way, among those the next in turn. An address that has just failed is taken last.
    ///
    /// Those that are not connected are, in the background, so that load spreads over all.
    func slot(avoiding avoided: RPCAddress? = nil) -> ConnectionSlot {
        guard slots.count > 1 else { return slots[0] }
        let now = NIODeadline.now()
        let first = next.wrappingAdd(1, ordering: .relaxed).oldValue
        let start = Int(UInt(bitPattern: first) % UInt(slots.count))
        var best = slots[start]
        var bestScore = score(best, avoided, now)
        for offset in 1..<slots.count {
            let slot = slots[(start + offset) % slots.count]
            let score = score(slot, avoided, now)
            if score < bestScore { (best, bestScore) = (slot, score) }
        }
        for slot in slots where slot !== best { slot.prepare() }
        return best
    }

    private func score(
        _ slot: ConnectionSlot, _ avoided: RPCAddress?, _ now: NIODeadline
    ) -> (Int, Int, Int) {
        (slot.address == avoided ? 1 : 0, slot.readiness(now).rawValue, slot.health.inFlight)
    }

    func close() { for slot in slots { slot.close() } }
}
