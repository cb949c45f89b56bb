import Contracts
import Foundation
import RPC
import SwiftProtobuf

/// Requests that will go into one append: each is decided and sealed as it comes.
///
/// A batch may form while others are on their way: what those claim is then out of reach, as if all were
/// one batch, and its decisions rest on the state that the others will leave.
struct FormingBatch<State: DomainState>: Sendable {
    private let replica: DomainReplica<State>
    private let domain: DomainBinding
    private let snapshot: InstanceSnapshot
    /// The generation of the replica in which its requests are decided.
    let generation: UInt64
    /// Where the domain stands, or will stand, before it.
    let predecessor: Predecessor
    /// The log as the replica reads it.
    private let logID: String
    private let dataKey: HeldDataKey
    /// Whether the data key goes into the log with the batch.
    let bringsDataKey: Bool
    private(set) var batch: WriteBatch<State>

    /// Throws: the replica's status error; what the keys service says about a new data key.
    init(_ writer: DomainWriter<State>) async throws {
        let replica = writer.replica
        let stream = writer.stream
        guard let snapshot = replica.instance.current else {
            if let error = replica.status.error { throw error }
            throw RPCError(
                .failedPrecondition, reason: "REGION_NOT_ENABLED",
                message: "This Region holds no instance.")
        }
        self.replica = replica
        self.domain = writer.domain
        self.snapshot = snapshot
        let sequence: UInt64
        (generation, sequence, logID) = try replica.withCore { core in
            if let error = core.status.error { throw error }
            return (core.generation, core.progress[stream]?.domainSequence ?? 0, core.logID)
        }
        predecessor = .sequence(sequence)
        if let held = replica.ring.active(stream: stream, domain: domain.name),
            !held.isOver(snapshot)
        {
            (dataKey, bringsDataKey) = (held, false)
        } else {
            dataKey = try await Self.newDataKey(writer, snapshot)
            bringsDataKey = true
        }
        batch = WriteBatch()
    }

    /// A batch behind those that are on their way; nil when it has to wait for how they end.
    init?(_ writer: DomainWriter<State>, behind flights: [Flight<State>]) {
        let replica = writer.replica
        let generation = replica.withCore { $0.status.isOpen ? $0.generation : nil }
        guard let last = flights.last, !flights.contains(where: \.batch.bringsDataKey) else {
            return nil
        }
        let other = last.batch
        guard generation == other.generation, replica.instance.current == other.snapshot,
            let held = replica.ring.active(stream: writer.stream, domain: writer.domain.name),
            !held.isOver(other.snapshot)
        else { return nil }
        self.replica = replica
        domain = writer.domain
        snapshot = other.snapshot
        self.generation = other.generation
        predecessor = last.append.successor
        logID = other.logID
        dataKey = held
        bringsDataKey = false
        batch = WriteBatch(behind: flights.map(\.batch.batch))
    }

    private static func newDataKey(
        _ writer: DomainWriter<State>, _ snapshot: InstanceSnapshot
    ) async throws -> HeldDataKey {
        do {
            let (record, key) = try await writer.replica.wrapper.make(for: snapshot)
            return HeldDataKey(
                record: record, version: 1, stream: writer.stream, domain: writer.domain.name,
                key: key, checkedAt: .now)
        } catch let error as RPCError where error.isKeyRefusal {
            throw RPCError(
                .failedPrecondition, reason: error.reason,
                message: "This Region's KMS key cannot be used: \(error.message)", cause: error)
        }
    }

    /// Decides requests and takes them in; returns those that have to wait for another batch. What a
    /// decision throws is that request's answer.
    mutating func take(_ items: [PendingWrite<State>]) -> [PendingWrite<State>] {
        var rest: [PendingWrite<State>] = []
        for item in items {
            do {
                if item.deadline.hasPassed { throw RPCError.writeTooLate }
                let planned = try replica.read { try item.plan($0) }
                if try !batch.take(item, planned, sealed: record) { rest.append(item) }
            } catch {
                item.finish(.failure(error))
            }
        }
        return rest
    }

    private func record(_ change: RecordChange) throws -> LogRecord {
        var record = LogRecord()
        record.key = change.key
        record.version = change.version
        switch change.content {
        case .tombstone: record.tombstone = true
        case .plain(let value): record.value = Data(value)
        case .sealed(let value):
            let place = RecordSealer.Place(
                instanceARN: snapshot.instance.instanceArn, domain: domain.name,
                key: change.key, version: change.version)
            record.value = try RecordSealer.seal(
                value, with: dataKey.key, id: dataKey.record.dataKeyID, at: place)
        }
        return record
    }

    /// What goes to the coordinator.
    func append() throws -> BatchAppend<State> {
        var append = BatchAppend(
            batch: batch, generation: generation, predecessor: predecessor, domain: domain,
            newDataKey: nil)
        var records = batch.records
        if bringsDataKey, batch.isSealed {
            append.newDataKey = dataKey
            append.leading = try ([dataKey] + retiredDataKeys()).map { try $0.change() }
            records = try append.leading.map(record) + records
        }
        append.request.scope = domain.scope.wire
        append.request.domain = domain.name
        predecessor.demand(of: &append.request)
        append.request.logID = logID
        append.request.requestID = UUID().uuidString.lowercased()
        append.request.events = batch.events
        append.request.records = records
        return append
    }

    /// The data keys that a new one takes over from, but for those that are changed already.
    private func retiredDataKeys() -> [HeldDataKey] {
        let changed = Set(
            batch.changes.lazy.map(\.key).filter { $0.hasPrefix(HeldDataKey.keyPrefix) })
        return replica.ring.all(stream: dataKey.stream, domain: dataKey.domain)
            .filter { $0.record.active && !changed.contains($0.logKey) }
            .map { held in
                var held = held
                held.record.active = false
                held.version += 1
                return held
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
