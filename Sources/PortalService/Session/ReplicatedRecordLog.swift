import Contracts
import Foundation
import Logging
import ReplicatedState
import RPC
import ServiceKit
import Synchronization

/// A domain of the portal on the replication log: sealed, tailed and written in batches.
final class ReplicatedRecordLog<State: RecordState>: RecordLog {
    /// Follows the replica's changes; only ever touched under its lock.
    final class Box: DomainState {
        fileprivate(set) var value = State()
        /// Version of each live key by stream and key; the sealed value is bound to it.
        fileprivate var versions: [String: [String: UInt64]] = [:]

        init() {}

        func apply(_ change: DomainChange) {
            guard let bytes = change.value else {
                versions[change.stream]?[change.key] = nil
                value.remove(key: change.key)
                return
            }
            versions[change.stream, default: [:]][change.key] = change.version
            // A record that cannot be read is left out; its key keeps its version.
            try? value.put(key: change.key, value: Data(bytes))
        }

        func version(ofRecord key: String, in stream: String) -> UInt64? {
            versions[stream]?[key]
        }
    }

    private let replica: DomainReplica<Box>
    private let writer: DomainWriter<Box>
    private let stream: String

    init(
        domain: DomainBinding, configuration: RegionConfiguration,
        channels: any ServiceChannels, instance: InstanceMonitor, logger: Logger
    ) {
        replica = DomainReplica(
            ReplicaSettings(
                region: configuration.region, domains: [domain], context: .instance,
                dataKeyHold: configuration.dataKeyHold,
                comparisonPace: ComparisonPace(restMax: configuration.comparison)),
            clients: ReplicaClients(channels, region: configuration.region), instance: instance,
            logger: logger)
        writer = DomainWriter(replica, domain: domain)
        stream = domain.scope.stream(of: configuration.region)
    }

    var status: ReplicaStatus { replica.status }

    /// How often what is served was compared with the log, and how often it differed.
    var figures: [ServiceFigure] { replica.figures }

    func read<Value: Sendable>(_ body: @Sendable (State) throws -> Value) throws -> Value {
        try replica.read { try body($0.value) }
    }

    func write(
        _ prepare: @escaping @Sendable (State) throws -> RecordWrite
    ) async throws -> LogPosition {
        let stream = stream
        let written = try await writer.submit(until: .after(.seconds(10))) { box in
            let write = try prepare(box.value)
            let changes = write.changes.compactMap { change -> ReplicatedState.RecordChange? in
                let version = box.versions[stream]?[change.key]
                if let value = change.value {
                    return .put(change.key, version: (version ?? 0) + 1, Array(value))
                }
                return version.map { .delete(change.key, version: $0 + 1) }
            }
            return DomainWrite(
                (), changes: changes, events: write.events, exclusive: write.exclusive)
        }
        return written.position
    }

    /// Keys that this Region itself wrote and `isOver` holds for, at most `limit`.
    func ownKeys(limit: Int, where isOver: @Sendable (State, String) -> Bool) throws -> [String] {
        let stream = stream
        return try replica.read { box in
            var keys: [String] = []
            for key in box.versions[stream, default: [:]].keys
            where keys.count < limit && isOver(box.value, key) {
                keys.append(key)
            }
            return keys
        }
    }

    /// Follows and writes until cancelled.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.replica.run() }
            group.addTask { try await self.writer.run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
