import Contracts
import Foundation
import ReplicationLog

// Changes of the primary, by the same rules as the real coordinators'.
extension Region {
    /// A promotion that this Region runs.
    struct Promotion {
        let id: UInt64
        let target: String
        let epoch: UInt64
        let isForced: Bool
        var promised: Set<String> = []
        var isRefused = false
        /// Another Region has more of the control stream.
        var isBehind = false
    }

    // MARK: - Reigns

    func askReigns() {
        for peer in peers { sendReigns(to: peer, isQuestion: true) }
    }

    private func sendReigns(to peer: String, isQuestion: Bool) {
        guard let log, let identity = log.state.identity else { return }
        world.send(
            .reigns(
                identity.history, control: log.state.position(of: .control),
                isQuestion: isQuestion), from: self, to: peer)
    }

    func handleReigns(_ message: Message, from sender: String) {
        switch message {
        case .reigns(let history, let control, let isQuestion):
            if !isQuestion {
                heard[sender] = world.now
                controls[sender] = control
            }
            follow(history)
            if isQuestion { sendReigns(to: sender, isQuestion: false) }
        case .promiseWanted(let id, let succession, let isForced):
            promise(id, succession, isForced, to: sender)
        case .promise(let id, let isPromised, let control):
            promised(id, isPromised, control, by: sender)
        default: break
        }
    }

    func follow(_ history: ReignHistory) {
        guard let held = log?.state.identity, history.current.prevails(over: held.history.current)
        else { return }
        do {
            let after = try transact { transaction in
                try transaction.amend(events: []) { identity, state throws(LogError) in
                    _ = identity.follow(history, head: state.position(of: .control).sequence)
                }
            }
            guard after.history != held.history else { return }
            world.tell(
                "\(name) follows \(after.primaryRegion) in epoch \(after.epoch), fork "
                    + "\(after.forkedAfter.map(String.init) ?? "none")")
            repairFork()
            beginAnew()
        } catch {
            return
        }
    }

    /// Exports what is not part of the log any more, drops it and copies again.
    func repairFork() {
        guard let log, let fork = log.state.identity?.forkedAfter else { return }
        if let stream = log.state.streams[.control] {
            let rows = log.store.entries[stream.id] ?? []
            world.history.lost(rows.map(\.entry).filter { $0.sequence > fork })
        }
        do {
            if try transact({ try $0.cutFork() }) { return world.count("fork cut") }
        } catch let error as LogError where error.code == .checksumMismatch {
            world.tell("\(name) cannot cut the fork: \(error)")
        } catch {
            return
        }
        world.count("fork dropped")
        _ = try? transact { try $0.drop(.control, isExported: true) }
    }

    /// Other streams come from other Regions now.
    private func beginAnew() {
        for (peer, session) in outgoing.sorted(by: { $0.key < $1.key }) {
            world.send(
                .refused(connection: session.connection, .epochUnknown), from: self, to: peer)
        }
        outgoing = [:]
        for peer in peers { disconnect(peer) }
    }

    /// Becomes the primary that the log itself names.
    func takeOver() {
        guard let log, let history = log.state.identity?.history,
            let entry = try? log.snapshot(
                stream: .control, domain: "instance", keyPrefix: "handover"
            ).first,
            let handover = Self.handover(entry)
        else { return }
        guard handover.prevails(over: history.current), let next = history.adding(handover) else {
            return
        }
        follow(next)
    }

    /// The reign that a handover names: it begins behind that entry.
    private static func handover(_ entry: LogEntry) -> Reign? {
        let parts = String(decoding: entry.value, as: UTF8.self).split(separator: " ")
        guard parts.count == 2, let epoch = UInt64(parts[0]) else { return nil }
        return Reign(epoch: epoch, primaryRegion: String(parts[1]), after: entry.commit)
    }

    // MARK: - Promises

    private func promise(
        _ id: UInt64, _ succession: Succession, _ isForced: Bool, to sender: String
    ) {
        guard let log, let identity = log.state.identity else { return }
        var isPromised = false
        let primary = identity.primaryRegion
        let hears = primary == name || world.now - (heard[primary] ?? 0) < 2_000_000
        if isForced ? !hears : sender == primary {
            let outcome: LogIdentity? = try? transact { transaction in
                try transaction.amend(events: []) { identity, _ throws(LogError) in
                    try identity.promise(succession)
                }
            }
            isPromised = outcome != nil
        }
        guard let log = self.log else { return }
        world.send(
            .promise(id, isPromised, control: log.state.position(of: .control)), from: self,
            to: sender)
    }

    private var voters: [String] {
        let primary = log?.state.identity?.primaryRegion ?? ""
        return world.settings.regions.filter { $0 != primary }
    }

    private func ask(_ promotion: Promotion) {
        let succession = Succession(epoch: promotion.epoch, primaryRegion: promotion.target)
        for voter in voters where voter != name {
            world.send(
                .promiseWanted(promotion.id, succession, isForced: promotion.isForced),
                from: self, to: voter)
        }
        guard voters.contains(name) else { return }
        let own: LogIdentity? = try? transact { transaction in
            try transaction.amend(events: []) { identity, _ throws(LogError) in
                try identity.promise(succession)
            }
        }
        if own != nil { self.promotion?.promised.insert(name) }
    }

    private func promised(
        _ id: UInt64, _ isPromised: Bool, _ control: LogPosition, by sender: String
    ) {
        guard promotion?.id == id, let log else { return }
        let own = log.state.position(of: .control)
        if (control.epoch, control.sequence) > (own.epoch, own.sequence) {
            promotion?.isBehind = true
        }
        if isPromised {
            promotion?.promised.insert(sender)
        } else {
            promotion?.isRefused = true
        }
    }

    /// Promises that are needed: two candidates cannot both have them.
    private var needed: (planned: Int, forced: Int) {
        let majority = voters.count / 2 + 1
        return (max(1, voters.count - majority + 1), majority)
    }

    // MARK: - Planned

    /// An operator asks the primary to hand over.
    func promote() {
        guard let identity = log?.state.identity, identity.isPrimary, promotion == nil else {
            return
        }
        let target = world.random.pick(peers)
        let begun = Promotion(
            id: world.random.next(), target: target, epoch: nextEpoch(identity), isForced: false)
        promotion = begun
        ask(begun)
        later(world.random.number(100_000...1_500_000)) { [unowned self] in
            guard let promotion, promotion.id == begun.id else { return }
            guard promotion.promised.count >= needed.planned,
                promotion.promised.contains(target)
            else { return self.promotion = nil }
            holdsWrites = true
            drain(promotion, attempts: 60)
        }
    }

    private func nextEpoch(_ identity: LogIdentity) -> UInt64 {
        max(identity.epoch, identity.promise?.epoch ?? 0) + 1
    }

    /// Waits until the successor has everything, then writes the handover.
    private func drain(_ promotion: Promotion, attempts: Int) {
        guard let log, attempts > 0 else {
            holdsWrites = false
            self.promotion = nil
            return
        }
        sendReigns(to: promotion.target, isQuestion: true)
        let head = log.state.position(of: .control).sequence
        guard controls[promotion.target]?.sequence ?? 0 >= head else {
            return later(50_000) { [unowned self] in drain(promotion, attempts: attempts - 1) }
        }
        succeed(
            Succession(epoch: promotion.epoch, primaryRegion: promotion.target),
            key: "handover", value: Data("\(promotion.epoch) \(promotion.target)".utf8))
        world.count("planned promotion")
        holdsWrites = false
        self.promotion = nil
    }

    private func succeed(_ succession: Succession, key: String, value: Data) {
        guard let log else { return }
        let last = try? log.snapshot(stream: .control, domain: "instance", keyPrefix: key).first
        var record = LogRecord()
        record.key = key
        record.version = (last?.version ?? 0) + 1
        record.value = value
        let command = AppendCommand(
            stream: .control, domain: "instance", expectedDomainSequence: nil, records: [record],
            writtenAtMicroseconds: clock, succession: succession)
        do {
            try transact { try $0.append(command) }
            world.tell("\(name): epoch \(succession.epoch) is \(succession.primaryRegion)'s")
            beginAnew()
            askReigns()
        } catch {
            world.tell("\(name) could not write the succession: \(error)")
        }
    }

    // MARK: - Forced

    /// An operator asks this Region to take the place of a primary that does not answer.
    func promoteByForce() {
        guard let identity = log?.state.identity, !identity.isPrimary, promotion == nil,
            identity.mayWriteOwnStream, identity.forkedAfter == nil,
            world.now - (heard[identity.primaryRegion] ?? 0) > 2_000_000
        else { return }
        let begun = Promotion(
            id: world.random.next(), target: name, epoch: nextEpoch(identity), isForced: true)
        promotion = begun
        ask(begun)
        let acceptsLoss = world.random.chance(60)
        later(world.random.number(100_000...1_500_000)) { [unowned self] in
            guard let promotion, promotion.id == begun.id else { return }
            self.promotion = nil
            guard promotion.promised.count >= needed.forced, !promotion.isRefused,
                !promotion.isBehind || acceptsLoss,
                log?.state.identity?.history == identity.history
            else { return }
            world.count("forced promotion")
            succeed(
                Succession(epoch: promotion.epoch, primaryRegion: name), key: "succession",
                value: Data("taken".utf8))
        }
    }

    /// The planted bug of a Region that takes itself for the primary.
    func usurp() {
        guard let identity = log?.state.identity, !identity.isPrimary else { return }
        let usurped = LogIdentity(
            logID: identity.logID, region: name, primaryRegion: name, epoch: identity.epoch,
            mayWriteOwnStream: identity.mayWriteOwnStream)
        _ = try? transact { try $0.establish(usurped) }
    }
}
