import ReplicationLog

/// The clock, the network and the Regions of one run. Everything happens one after the other, in an
/// order that the seed decides.
final class World {
    struct Link: Hashable {
        let from: String
        let to: String
    }

    let settings: SimulationSettings
    private(set) var now: Int64 = 1_790_000_000_000_000
    private(set) var events = 0
    var random: SeededRandom
    private var queue = EventQueue()
    private(set) var regions: [String: Region] = [:]
    var history = History()
    /// Directions in which nothing arrives.
    var cut: Set<Link> = []
    /// Of a hundred messages.
    var dropped = 0.0
    var duplicated = 0.0
    /// Of a hundred messages, those that do not keep their place in the line.
    var reordered = 0.0
    private var arrivals: [Link: Int64] = [:]
    /// Time that a message takes, microseconds.
    var delay: ClosedRange<Int64> = 500...3_000
    /// Entries that are read at once, so that readers go on from within what was compacted.
    let batchMax: Int
    private(set) var isHealing = false
    private(set) var faults: [String: Int] = [:]
    private(set) var story: [String] = []

    init(seed: UInt64, _ settings: SimulationSettings) {
        self.settings = settings
        random = SeededRandom(seed: seed)
        batchMax = [4, 20, 100][Int(seed % 3)]
    }

    func tell(_ text: @autoclosure () -> String) {
        guard settings.isVerbose else { return }
        story.append("\((now - 1_790_000_000_000_000) / 1_000) ms: \(text())")
    }

    func count(_ fault: String) { faults[fault, default: 0] += 1 }

    var orderedRegions: [Region] { settings.regions.compactMap { regions[$0] } }

    // MARK: - Time

    func after(_ delay: Int64, _ action: @escaping () -> Void) {
        queue.add(at: now + max(1, delay), action)
    }

    private func run(until end: Int64) {
        while let event = queue.next() {
            guard event.time <= end else {
                queue.add(at: event.time, event.action)
                break
            }
            now = max(now, event.time)
            events += 1
            event.action()
        }
        now = end
    }

    // MARK: - Network

    func send(_ message: Message, from: Region, to name: String) {
        guard let target = regions[name] else { return }
        let copies = random.chance(duplicated) ? 2 : 1
        for _ in 0..<copies {
            if random.chance(dropped) { continue }
            let link = Link(from: from.name, to: name)
            var arrival = now + random.number(delay)
            if !random.chance(reordered) {
                arrival = max(arrival, arrivals[link] ?? 0)
                arrivals[link] = arrival
            }
            after(arrival - now) { [self] in
                guard !cut.contains(link) else { return }
                target.receive(message, from: from.name)
            }
        }
    }

    // MARK: - The run

    func run() -> SimulationVerdict {
        for name in settings.regions { regions[name] = Region(name, in: self) }
        for region in orderedRegions { region.join(primary: settings.regions[0]) }
        let faults = FaultPlan(world: self)
        let clients = Clients(world: self)
        clients.start()
        faults.start()
        run(until: now + settings.faultyTime)
        isHealing = true
        faults.heal()
        run(until: now + settings.healingTime / 2)
        clients.isQuiet = true
        run(until: now + settings.healingTime / 2)
        for region in orderedRegions { region.isQuiet = true }
        run(until: now + 12_000_000)
        FinalCheck(world: self).run()
        return SimulationVerdict(
            seed: 0, violations: history.violations, acknowledged: history.acknowledged.count,
            events: events, faults: self.faults, story: story)
    }
}

extension SimulationVerdict {
    /// Runs one seed to its end.
    package static func of(
        seed: UInt64, _ settings: SimulationSettings = SimulationSettings()
    ) -> SimulationVerdict {
        let verdict = World(seed: seed, settings).run()
        return SimulationVerdict(
            seed: seed, violations: verdict.violations, acknowledged: verdict.acknowledged,
            events: verdict.events, faults: verdict.faults, story: verdict.story)
    }
}
