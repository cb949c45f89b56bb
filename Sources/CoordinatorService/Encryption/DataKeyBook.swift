import Contracts
import ReplicationLog
import SwiftProtobuf
import Synchronization

/// The data keys of all streams: which KMS key wraps each, and what it still seals. The keys themselves
/// are opaque here.
final class DataKeyBook: Sendable {
    static let keyPrefix = "data-key/"

    private struct Slot: Hashable {
        let stream: String
        let domain: String
        let key: String
    }

    private struct Held {
        var keys: [Slot: StateDataKeyRecord] = [:]
        var readingID: String?
    }

    private let held = Mutex(Held())

    /// Reads the log at the start, and again after a fork has been taken back.
    func reload(_ engine: any LogEngine) async throws {
        held.withLock { $0.keys.removeAll() }
        for stream in engine.state.streams.keys {
            for domain in DomainOwners.sealed {
                let entries = try await engine.snapshot(
                    stream: stream, domain: domain, keyPrefix: Self.keyPrefix)
                apply(entries, engine.state)
            }
        }
    }

    /// Called by the engine's writer, in order.
    func apply(_ entries: [LogEntry], _ log: LogState) {
        let relevant = entries.filter {
            $0.key.hasPrefix(Self.keyPrefix) && DomainOwners.sealed.contains($0.domain)
        }
        let readingID = log.identity?.readingID
        held.withLock { held in
            if held.readingID != readingID || log.streams.isEmpty {
                held.readingID = readingID
                // A stream that was dropped takes its data keys along.
                let streams = Set(log.streams.keys.map(\.text))
                held.keys = held.keys.filter { streams.contains($0.key.stream) }
            }
            for entry in relevant {
                let slot = Slot(stream: entry.stream, domain: entry.domain, key: entry.key)
                held.keys[slot] =
                    entry.tombstone
                    ? nil : try? StateDataKeyRecord(serializedBytes: entry.value)
            }
        }
    }

    /// How many data keys of these streams there are, and how many of them a key wraps.
    func progress(of keyARN: String, in streams: Set<String>) -> (all: Int, done: Int) {
        held.withLock { held in
            let own = held.keys.filter { streams.contains($0.key.stream) }
            return (own.count, own.values.count { KeyReference.isSameKey($0.kmsKeyArn, keyARN) })
        }
    }

    /// Domains of these streams with a data key that another key than this one wraps.
    func domains(notWrappedBy keyARN: String, in streams: Set<String>) -> [String] {
        let found = held.withLock { held in
            held.keys.filter {
                streams.contains($0.key.stream)
                    && !KeyReference.isSameKey($0.value.kmsKeyArn, keyARN)
            }.keys
        }
        return Set(found.map { "\($0.domain) (\($0.stream))" }).sorted()
    }

    /// What data keys before a generation still seal in these streams.
    func resealing(before generation: UInt32, in streams: Set<String>) -> CoordinatorResealing {
        let old = held.withLock { held in
            held.keys.filter {
                streams.contains($0.key.stream) && $0.value.generation < generation
                    && $0.value.unusedSinceUs == 0
            }
        }
        let parts = Dictionary(grouping: old) {
            Place(stream: $0.key.stream, domain: $0.key.domain)
        }
        .map { place, keys in
            CoordinatorResealing.Part.with {
                $0.stream = place.stream
                $0.domain = place.domain
                $0.dataKeys = UInt32(clamping: keys.count)
                $0.records = keys.reduce(0) { $0 + $1.value.records }
                $0.recordsLeft = keys.reduce(0) { $0 + $1.value.recordsLeft }
                $0.counted = keys.allSatisfy { $0.value.recordsLeft > 0 }
            }
        }.sorted { ($0.stream, $0.domain) < ($1.stream, $1.domain) }
        return .with {
            $0.parts = parts
            $0.dataKeys = parts.reduce(0) { $0 + $1.dataKeys }
            $0.records = parts.reduce(0) { $0 + $1.records }
            $0.recordsLeft = parts.reduce(0) { $0 + $1.recordsLeft }
        }
    }

    private struct Place: Hashable {
        let stream: String
        let domain: String
    }
}
