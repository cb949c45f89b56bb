import ReplicationLog

/// What goes wrong in a run, and when: drawn from the seed.
final class FaultPlan {
    private unowned let world: World
    private var isOver = false

    init(world: World) { self.world = world }

    func start() {
        world.dropped = world.random.pick([0, 0, 0.5, 3])
        world.duplicated = world.random.pick([0, 0, 1, 5])
        world.reordered = world.random.pick([0, 0, 1, 10])
        world.delay = world.random.pick([500...3_000, 500...3_000, 1_000...80_000, 100...400_000])
        let deaths = world.random.pick([0, 0, 0.2, 1])
        let failing = world.random.pick([0, 0, 0.5, 2])
        for region in world.orderedRegions {
            region.disk.faults.deaths = deaths
            region.disk.faults.failingWrites = failing
        }
        let kinds: [(Double, () -> Void)] = [
            (60, crash), (60, partition), (40, oneWay), (30, pause), (20, fillDisk),
            (30, jumpClock), (25, flipBit), (30, restartService), (25, longAbsence),
            (40, promote), (25, promoteByForce),
        ]
        for (likelihood, fault) in kinds where world.random.chance(likelihood) {
            recur(fault)
        }
    }

    private func recur(_ fault: @escaping () -> Void) {
        world.after(world.random.number(500_000...12_000_000)) { [self] in
            guard !isOver else { return }
            fault()
            recur(fault)
        }
    }

    /// Everything works again and stays so.
    func heal() {
        isOver = true
        world.cut = []
        (world.dropped, world.duplicated, world.reordered) = (0, 0, 0)
        world.delay = 500...3_000
        for region in world.orderedRegions {
            region.disk.faults.deaths = 0
            region.disk.faults.failingWrites = 0
            region.disk.faults.isFull = false
            region.pausedUntil = 0
            region.clockOffset = 0
            region.start()
        }
        world.tell("everything is mended")
    }

    private func region() -> Region { world.random.pick(world.orderedRegions) }

    private func crash() {
        world.count("death")
        region().crash()
    }

    private func cut(_ links: [World.Link], for time: Int64) {
        world.cut.formUnion(links)
        world.after(time) { [self] in world.cut.subtract(links) }
    }

    private func partition() {
        let alone = region()
        world.count("partition")
        world.tell("\(alone.name) is cut off")
        let links = alone.peers.flatMap {
            [World.Link(from: $0, to: alone.name), World.Link(from: alone.name, to: $0)]
        }
        cut(links, for: world.random.number(200_000...12_000_000))
    }

    private func oneWay() {
        let from = region()
        world.count("one-way partition")
        cut(
            [World.Link(from: from.name, to: world.random.pick(from.peers))],
            for: world.random.number(200_000...8_000_000))
    }

    private func pause() {
        world.count("pause")
        region().pausedUntil = world.now + world.random.number(100_000...9_000_000)
    }

    private func fillDisk() {
        let region = region()
        world.count("full disk")
        region.disk.faults.isFull = true
        world.after(world.random.number(200_000...4_000_000)) {
            region.disk.faults.isFull = false
        }
    }

    private func jumpClock() {
        world.count("clock jump")
        region().clockOffset += world.random.number(-20_000_000...20_000_000)
    }

    private func flipBit() {
        region().flipBit()
    }

    private func restartService() {
        world.count("service restart")
        region().restartService()
    }

    /// A Region is away for longer than deletions are remembered.
    private func longAbsence() {
        world.count("long absence")
        region().crash(for: world.random.number(8_000_000...18_000_000))
    }

    private func promote() {
        guard world.settings.promotes else { return }
        region().promote()
    }

    private func promoteByForce() {
        if world.settings.bug == .secondWriter { return region().usurp() }
        guard world.settings.promotes else { return }
        region().promoteByForce()
    }
}
