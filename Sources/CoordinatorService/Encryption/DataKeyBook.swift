import Contracts
import ReplicationLog
import SwiftProtobuf
import Synchronization

/// Which KMS key wraps each data key, over all streams. Data keys themselves are opaque here.
final class DataKeyBook: Sendable {
    static let keyPrefix = "data-key/"

    private struct Slot: Hashable {
        let stream: String
        let domain: String
        let key: String
    }

    private struct Held {
        var wrappedBy: [Slot: String] = [:]
        var readingID: String?
    }

    private let held = Mutex(Held())

    init(_ engine: any LogEngine) async throws { try await reload(engine) }

    /// Reads the log again after a fork has been taken back.
    func reload(_ engine: any LogEngine) async throws {
        held.withLock { $0.wrappedBy.removeAll() }
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
                held.wrappedBy = held.wrappedBy.filter { streams.contains($0.key.stream) }
            }
            for entry in relevant {
                let slot = Slot(stream: entry.stream, domain: entry.domain, key: entry.key)
                let record =
                    entry.tombstone
                    ? nil : try? StateDataKeyRecord(serializedBytes: entry.value)
                held.wrappedBy[slot] = record?.kmsKeyArn
            }
        }
    }

    /// How many data keys of these streams there are, and how many of them a key wraps.
    func progress(of keyARN: String, in streams: Set<String>) -> (all: Int, done: Int) {
        held.withLock { held in
            let own = held.wrappedBy.filter { streams.contains($0.key.stream) }
            return (own.count, own.values.count { KeyReference.isSameKey($0, keyARN) })
        }
    }

    /// Domains of these streams with a data key that another key than this one wraps.
    func domains(notWrappedBy keyARN: String, in streams: Set<String>) -> [String] {
        let found = held.withLock { held in
            held.wrappedBy.filter {
                streams.contains($0.key.stream) && !KeyReference.isSameKey($0.value, keyARN)
            }.keys
        }
        return Set(found.map { "\($0.domain) (\($0.stream))" }).sorted()
    }
}
