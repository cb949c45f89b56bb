import Contracts
import Foundation
import RPC
import SwiftProtobuf

/// Decides and appends one batch, again while others are quicker.
struct BatchWriter<State: DomainState>: Sendable {
    static var attemptsMax: Int { 16 }

    let writer: DomainWriter<State>

    private var replica: DomainReplica<State> { writer.replica }

    /// A batch at one moment of the replica.
    private struct Moment: Sendable {
        let generation: UInt64
        let expected: UInt64
        let snapshot: InstanceSnapshot
    }

    /// Answers some of the requests, at least one; returns those that have to wait for the next
    /// batch.
    func write(_ items: [PendingWrite<State>]) async -> [PendingWrite<State>] {
        var open = items
        do {
            try await admit()
            for _ in 0..<Self.attemptsMax {
                let moment = try begin()
                let dataKey = try await activeDataKey(moment.snapshot)
                let (batch, rest) = decide(open)
                guard !batch.items.isEmpty else { return rest }
                open = batch.items
                do {
                    try await append(batch, moment, dataKey)
                    return rest
                } catch let error as RPCError where error.reason == "DOMAIN_ADVANCED" {
                    open += rest
                    try await catchUp(error)
                } catch {
                    for item in batch.items { item.finish(.failure(error)) }
                    return rest
                }
            }
            throw RPCError(
                .aborted, reason: "DOMAIN_ADVANCED",
                message: "Other writers were quicker \(Self.attemptsMax) times; try again.")
        } catch {
            for item in open { item.finish(.failure(error)) }
            return []
        }
    }

    /// Outside the primary the coordinator's own refusal is the answer.
    private func admit() async throws {
        guard writer.domain.scope == .control, let snapshot = replica.instance.current,
            snapshot.instance.primaryRegion != replica.settings.region
        else { return }
        var request = CoordinatorAppendRequest()
        request.scope = .control
        request.domain = writer.domain.name
        request.requestID = UUID().uuidString.lowercased()
        do {
            _ = try await replica.clients.log.append(request)
        } catch let error as RPCError where error.reason == "DOMAIN_ADVANCED" {
            // This Region has become the primary by now.
        }
    }

    private func begin() throws -> Moment {
        let stream = writer.stream
        guard let snapshot = replica.instance.current else {
            if let error = replica.status.error { throw error }
            throw RPCError(
                .failedPrecondition, reason: "REGION_NOT_ENABLED",
                message: "This Region holds no instance.")
        }
        return try replica.withCore { core in
            if let error = core.status.error { throw error }
            return Moment(
                generation: core.generation,
                expected: core.progress[stream]?.domainSequence ?? 0, snapshot: snapshot)
        }
    }

    private func decide(
        _ items: [PendingWrite<State>]
    ) -> (WriteBatch<State>, [PendingWrite<State>]) {
        var batch = WriteBatch<State>()
        var rest: [PendingWrite<State>] = []
        for item in items {
            do {
                if item.deadline.hasPassed { throw RPCError.writeTooLate }
                let planned = try replica.read { try item.plan($0) }
                if try !batch.take(item, planned) { rest.append(item) }
            } catch {
                item.finish(.failure(error))
            }
        }
        return (batch, rest)
    }

    /// The key to seal with; a new one goes into the log with the first records it seals.
    private func activeDataKey(
        _ snapshot: InstanceSnapshot
    ) async throws -> (held: HeldDataKey, isNew: Bool) {
        if let held = replica.ring.active(stream: writer.stream, domain: writer.domain.name),
            !held.isOver(snapshot)
        {
            return (held, false)
        }
        do {
            let (record, key) = try await replica.wrapper.make(for: snapshot)
            let held = HeldDataKey(
                record: record, version: 1, stream: writer.stream, domain: writer.domain.name,
                key: key, checkedAt: .now)
            return (held, true)
        } catch let error as RPCError where error.isKeyRefusal {
            throw RPCError(
                .failedPrecondition, reason: error.reason,
                message: "This Region's KMS key cannot be used: \(error.message)", cause: error)
        }
    }

    private func append(
        _ batch: WriteBatch<State>, _ moment: Moment, _ dataKey: (held: HeldDataKey, isNew: Bool)
    ) async throws {
        var changes = batch.changes
        let needsKey = changes.contains { if case .sealed = $0.content { true } else { false } }
        let retired = dataKey.isNew && needsKey ? retiredDataKeys(besides: changes) : []
        if dataKey.isNew, needsKey {
            changes = try ([dataKey.held] + retired).map { try $0.change() } + changes
        }
        var request = CoordinatorAppendRequest()
        request.scope = writer.domain.scope.wire
        request.domain = writer.domain.name
        request.expectedDomainSequence = moment.expected
        request.requestID = UUID().uuidString.lowercased()
        request.events = batch.events
        request.records = try changes.map { try record($0, moment, dataKey.held) }
        let answer = try await send(request)
        if dataKey.isNew, needsKey {
            replica.ring.insert(dataKey.held)
        }
        replica.ring.take(changes)
        let position = changes.isEmpty ? standing() : answer.position
        if !changes.isEmpty { applyOwn(changes, answer, moment) }
        for item in batch.items { item.finish(.success(position)) }
    }

    /// The data keys that a new one takes over from, but for those that are changed already.
    private func retiredDataKeys(besides changes: [RecordChange]) -> [HeldDataKey] {
        let changed = Set(changes.lazy.map(\.key).filter { $0.hasPrefix(HeldDataKey.keyPrefix) })
        return replica.ring.all(stream: writer.stream, domain: writer.domain.name)
            .filter { $0.record.active && !changed.contains($0.logKey) }
            .map { held in
                var held = held
                held.record.active = false
                held.version += 1
                return held
            }
    }

    private func record(
        _ change: RecordChange, _ moment: Moment, _ dataKey: HeldDataKey
    ) throws -> LogRecord {
        var record = LogRecord()
        record.key = change.key
        record.version = change.version
        switch change.content {
        case .tombstone: record.tombstone = true
        case .plain(let value): record.value = Data(value)
        case .sealed(let value):
            let place = RecordSealer.Place(
                instanceARN: moment.snapshot.instance.instanceArn, domain: writer.domain.name,
                key: change.key, version: change.version)
            record.value = try RecordSealer.seal(
                value, with: dataKey.key, id: dataKey.record.dataKeyID, at: place)
        }
        return record
    }

    /// Sends, and repeats with the same request ID when the answer was lost.
    private func send(_ request: CoordinatorAppendRequest) async throws
        -> CoordinatorAppendResponse
    {
        var backoff = Backoff()
        for _ in 0..<3 {
            do {
                return try await replica.clients.log.append(request)
            } catch let error as RPCError
                where [.unavailable, .deadlineExceeded].contains(error.code)
            {
                try await Task.sleep(for: backoff.next())
            }
        }
        return try await replica.clients.log.append(request)
    }

    /// What has been written can be read here at once, unless the tail has brought it already.
    private func applyOwn(
        _ changes: [RecordChange], _ answer: CoordinatorAppendResponse, _ moment: Moment
    ) {
        let position = answer.position
        let sequenced = changes.enumerated().map { index, change in
            var value: [UInt8]?
            if case .sealed(let bytes) = change.content { value = bytes }
            return SequencedChange(
                sequence: answer.firstSequence + UInt64(index), epoch: position.epoch,
                commit: position.sequence,
                change: DomainChange(
                    stream: position.stream, domain: writer.domain.name, key: change.key,
                    version: change.version, value: value))
        }
        replica.change { core in
            guard core.generation == moment.generation else { return }
            core.apply(sequenced[...])
        }
    }

    private func standing() -> LogPosition {
        let stream = writer.stream
        return replica.positions.first { $0.stream == stream } ?? LogPosition()
    }

    /// Waits until the tail has brought what the others wrote.
    private func catchUp(_ error: RPCError) async throws {
        let stream = writer.stream
        guard let target = error.metadata["domain-sequence"].flatMap(UInt64.init) else {
            return try await Task.sleep(for: .milliseconds(10))
        }
        let replica = replica
        let isThere = try await replica.progressed.wait(until: .after(.seconds(5))) {
            replica.withCore { ($0.progress[stream]?.sequence ?? 0) >= target }
        }
        guard isThere else {
            throw RPCError(
                .unavailable, reason: "NOT_REPLICATED_YET",
                message: "The service is behind its coordinator; try again.")
        }
        // The last entry may be a tombstone that was removed since: nothing to apply then.
        replica.withCore { core in
            let known = core.progress[stream]?.domainSequence ?? 0
            core.progress[stream]?.domainSequence = max(known, target)
        }
    }
}

extension RPCError {
    fileprivate static var writeTooLate: RPCError {
        RPCError(
            .deadlineExceeded, reason: "DEADLINE_EXCEEDED",
            message: "The write did not get its turn in time; nothing was written.")
    }
}
