package import Contracts
import SwiftProtobuf

/// What a log holds, as a value: heads, last sequences and digests at one moment between commits.
package struct LogState: Sendable {
    package var identity: LogIdentity?
    /// This Region.
    package let region: String
    package var streams: [StreamName: StreamState] = [:]

    package init(region: String, identity: LogIdentity? = nil) {
        self.region = region
        self.identity = identity
    }

    package var gate: WriteGate { WriteGate(identity: identity, region: region) }

    /// Where the stream stands; before its first entry when it is not known.
    package func position(of stream: StreamName) -> LogPosition {
        streams[stream]?.position ?? .with { $0.stream = stream.text }
    }

    /// Positions of all streams held, by name.
    package var heads: [LogPosition] {
        streams.values.map(\.position).sorted { $0.stream < $1.stream }
    }

    /// Digests of all domains held, by stream and domain.
    package var digests: [LogDomainDigest] {
        streams.values.flatMap(\.digests)
            .sorted { ($0.stream, $0.domain) < ($1.stream, $1.domain) }
    }
}

/// One stream of a `LogState`.
package struct StreamState: Sendable {
    package let name: StreamName
    /// The engine's own number for the stream.
    package let id: Int64
    package var head: UInt64 = 0
    package var headEpoch: UInt64 = 0
    /// Superseded entries up to here may be missing; beyond, entries are dense.
    package var compactedThrough: UInt64 = 0
    /// Tombstones up to here may be missing: who stands before it (and not at 0) must copy again.
    package var purgedThrough: UInt64 = 0
    /// Entries held, live or not yet compacted.
    package var entries: UInt64 = 0
    package var domains: [String: DomainState] = [:]

    package init(name: StreamName, id: Int64) {
        self.name = name
        self.id = id
    }

    /// The domains' names by the engine's numbers.
    var names: [Int64: String] {
        Dictionary(domains.map { ($0.value.id, $0.key) }, uniquingKeysWith: { first, _ in first })
    }

    package var position: LogPosition {
        .with {
            $0.stream = name.text
            $0.epoch = headEpoch
            $0.sequence = head
        }
    }

    package var digests: [LogDomainDigest] {
        domains.map { domain, state in
            .with {
                $0.stream = name.text
                $0.domain = domain
                $0.sequence = head
                $0.liveKeys = state.digest.liveKeys
                $0.sum = state.digest.bytes
            }
        }
    }
}

/// One domain of a stream.
package struct DomainState: Sendable {
    /// The engine's own number for the pair of stream and domain.
    package let id: Int64
    package var lastSequence: UInt64 = 0
    package var digest = DomainDigest()

    package init(id: Int64) { self.id = id }
}
