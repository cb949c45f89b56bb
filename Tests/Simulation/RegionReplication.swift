import Contracts
import Foundation
import ReplicationLog

// How coordinators replicate, by the same rules as the real ones; only time and transport are
// simulated.
extension Region {
    func startTimers() {
        for peer in peers {
            later(world.random.number(1_000...200_000)) { [unowned self] in connect(to: peer) }
        }
        every(200_000) { [unowned self] in acknowledge() }
        every(1_000_000) { [unowned self] in watch() }
        every(1_000_000) { [unowned self] in writeCanaries() }
        every(3_000_000) { [unowned self] in maintain() }
        askReigns()
        every(1_000_000) { [unowned self] in
            askReigns()
            repairFork()
        }
        every(7_000_000) { [unowned self] in scrub() }
        every(4_000_000) { [unowned self] in
            for peer in peers { world.send(.digestsWanted, from: self, to: peer) }
        }
    }

    func handle(_ message: Message, from sender: String) {
        switch message {
        case .subscribe(let connection, let logID, let after, let purged):
            subscribe(
                sender, connection, logID,
                SubscriberCursor(subscriber: sender, after: after, purged: purged))
        case .entries(let connection, let message):
            guard incoming[sender]?.connection == connection else { return }
            incoming[sender]?.lastSeen = world.now
            take(message, from: sender)
        case .refused(let connection, let code):
            guard incoming[sender]?.connection == connection else { return }
            refused(by: sender, code)
        case .acknowledge(let positions):
            acknowledgements.acknowledge(sender, positions, at: clock)
            subscribersHeard[sender] = world.now
        case .entryWanted(let place):
            guard let log else { return }
            if let entry = log.entries(of: place.stream, at: [place.sequence]).first {
                world.send(.entryHeld(entry), from: self, to: sender)
            } else if log.state.gate.writer(of: place.stream) == name {
                world.send(.entryMissing(place), from: self, to: sender)
            }
        case .entryHeld(let entry):
            mend(entry)
        case .entryMissing(let place):
            copyAgain(place)
        case .digestsWanted:
            guard let log else { return }
            world.send(.digests(log.state.digests), from: self, to: sender)
        case .digests(let theirs):
            later(20_000) { [unowned self] in compare(theirs, with: sender) }
        case .reigns, .promiseWanted, .promise:
            handleReigns(message, from: sender)
        }
    }

    // MARK: - Receiving

    func connect(to peer: String) {
        guard let log, let identity = log.state.identity, incoming[peer] == nil else { return }
        let connection = world.random.next()
        incoming[peer] = Incoming(connection: connection, lastSeen: world.now)
        world.send(
            .subscribe(
                connection: connection, logID: identity.logID,
                after: SubscriptionRules.after(from: peer, log.state),
                purged: SubscriptionRules.purged(from: peer, log.state)),
            from: self, to: peer)
    }

    /// Ends the subscription and begins anew after a while.
    func disconnect(_ peer: String) {
        guard incoming.removeValue(forKey: peer) != nil else { return }
        later(world.random.number(50_000...400_000)) { [unowned self] in connect(to: peer) }
    }

    private func refused(by peer: String, _ code: LogError.Code) {
        if let log {
            for stream in SubscriptionRules.streamsToCopyAgain(
                from: peer, after: code, log.state)
            {
                world.count("copied again: position expired")
                world.tell("\(name) copies \(stream) again: \(code)")
                _ = try? transact { try $0.drop(stream) }
            }
        }
        disconnect(peer)
    }

    private func take(_ message: StreamMessage, from peer: String) {
        guard let log, let identity = log.state.identity else { return }
        do {
            let batch = try damaged(message).received(from: peer, logID: identity.logID)
                .validated()
            let position = try transact { try $0.apply(batch) }
            guard
                SubscriptionRules.takesOverOwnStream(
                    message.stream, position: position, head: message.head, log.state)
            else { return }
            try transact { transaction in
                _ = try transaction.amend(events: []) { identity, _ in
                    identity.mayWriteOwnStream = true
                }
            }
            disconnect(peer)
        } catch let error as LogError {
            world.tell("\(name) refuses \(message.stream) from \(peer): \(error)")
            noteDamage(error)
            disconnect(peer)
        } catch {
            return
        }
    }

    /// The planted bug of a replica that leaves something out.
    private func damaged(_ message: StreamMessage) -> StreamMessage {
        guard world.settings.bug == .skippedEntry, world.random.chance(10),
            let last = message.entries.last, last.commit == last.sequence, last.domain != "canary"
        else { return message }
        var message = message
        message.entries.removeLast()
        message.compactedThrough = message.through.sequence
        return message
    }

    /// Gives up peers that have gone silent.
    private func watch() {
        for (peer, state) in incoming.sorted(by: { $0.key < $1.key })
        where world.now - state.lastSeen > 5_000_000 {
            disconnect(peer)
        }
        for peer in outgoing.keys.sorted()
        where world.now - (subscribersHeard[peer] ?? 0) > 6_000_000 {
            outgoing[peer] = nil
            acknowledgements.replicas[peer]?.isConnected = false
        }
        for peer in peers where incoming[peer] == nil && world.random.chance(20) {
            connect(to: peer)
        }
    }

    // MARK: - Sending

    private func subscribe(
        _ sender: String, _ connection: UInt64, _ logID: String, _ cursor: SubscriberCursor
    ) {
        guard let identity = log?.state.identity, identity.logID == logID else {
            return world.send(
                .refused(connection: connection, .logMismatch), from: self, to: sender)
        }
        subscribersHeard[sender] = world.now
        outgoing[sender] = Outgoing(connection: connection, cursor: cursor)
        acknowledgements.replicas[sender, default: .init()].isConnected = true
        pump(sender)
    }

    /// Sends a subscriber what is new.
    func pump(_ peer: String) {
        guard let log, var session = outgoing[peer] else { return }
        do {
            for stream in session.cursor.streams(log.state) {
                while true {
                    var query = session.cursor.query(stream)
                    query.entriesMax = world.batchMax
                    let forgets = world.settings.bug == .forgottenTombstones
                    if forgets {
                        query.place = ReadingPlace(after: query.after, purgedBefore: .max)
                    }
                    var result = try log.read(query)
                    if forgets { result.purgedThrough = 0 }
                    if let message = session.cursor.message(stream, result, log.state) {
                        world.send(
                            .entries(connection: session.connection, message), from: self,
                            to: peer)
                    }
                    if result.isAtHead { break }
                }
            }
            outgoing[peer] = session
        } catch {
            outgoing[peer] = nil
            acknowledgements.replicas[peer]?.isConnected = false
            noteDamage(error)
            let code = (error as? LogError)?.code ?? .storageFailed
            world.send(.refused(connection: session.connection, code), from: self, to: peer)
        }
    }

    // MARK: - Upkeep

    private func acknowledge() {
        guard let log else { return }
        for peer in incoming.keys.sorted() {
            world.send(
                .acknowledge(SubscriptionRules.applied(from: peer, log.state)), from: self,
                to: peer)
        }
    }

    private func writeCanaries() {
        guard let log, !isQuiet else { return }
        for stream in [StreamName.control, .regional(name)] {
            guard (try? log.state.gate.admitAppend(to: stream)) != nil else { continue }
            let key = "canary/\(name)"
            let last = try? log.snapshot(stream: stream, domain: "canary", keyPrefix: key).first
            var record = LogRecord()
            record.key = key
            record.version = (last?.version ?? 0) + 1
            let command = AppendCommand(
                stream: stream, domain: "canary", expectedDomainSequence: nil, records: [record],
                writtenAtMicroseconds: clock)
            _ = try? transact { try $0.append(command) }
        }
    }

    private func maintain() {
        guard let log else { return }
        for (region, replica) in acknowledgements.replicas.sorted(by: { $0.key < $1.key }) {
            let positions = replica.applied.map { stream, sequence in
                var position = LogPosition()
                position.stream = stream.text
                position.sequence = sequence
                return position
            }
            _ = try? transact {
                try $0.acknowledge(region: region, positions: positions, at: clock)
            }
        }
        let horizon = clock - Self.horizon
        for stream in log.state.streams.keys.sorted(by: { $0.text < $1.text }) {
            guard let log = self.log else { return }
            let request = CompactionRequest(
                stream: stream,
                through: acknowledgements.compactable(
                    stream, members: world.settings.regions, seenSince: horizon, log.state),
                tombstonesBeforeMicroseconds: horizon, limit: 40)
            let before = log.state.streams[stream]?.purgedThrough
            _ = try? transact { try $0.compact(request) }
            if let after = self.log?.state.streams[stream]?.purgedThrough, after != before {
                world.count("tombstones removed")
                world.tell("\(name) has removed tombstones of \(stream) through \(after)")
            }
        }
    }

    private func compare(_ theirs: [LogDomainDigest], with peer: String) {
        guard let log else { return }
        for stream in log.state.streams.keys.sorted(by: { $0.text < $1.text })
        where log.state.gate.writer(of: stream) == peer {
            guard
                let differing = DigestComparison.differing(
                    stream, ours: log.state.digests, theirs: theirs), !differing.isEmpty
            else { continue }
            if !isDamaged, !(world.regions[peer]?.isDamaged ?? false) {
                world.history.violation(
                    "convergence: \(name) differs from \(peer) in \(stream) \(differing)")
            }
            world.tell("\(name) copies \(stream) again: it differs from \(peer)")
            _ = try? transact { try $0.drop(stream) }
            disconnect(peer)
        }
    }
}
