package import Contracts
package import Foundation

/// From where on an export takes: nothing for a whole one, or what the file before has taken.
package struct ExportPoint: Sendable {
    /// Of each stream, the head that has been taken.
    package var heads: [StreamName: LogPosition] = [:]
    package var trailSequence: UInt64 = 0
    /// The identity it was taken under: another incarnation makes what was taken of others' streams
    /// void.
    package var identity: [String: String] = [:]
    /// SHA-256 of the file.
    package var file = Data()

    package init() {}

    /// Where the export of a stream begins.
    func after(_ stream: StreamState, _ state: LogState) -> UInt64 {
        guard let taken = heads[stream.name], taken.sequence <= stream.head,
            taken.epoch <= stream.headEpoch || stream.headEpoch == 0,
            taken.sequence >= stream.purgedThrough,
            identity["incarnation"]
                == IdentityFields.values(
                    of: state.identity, region: state.region)["incarnation"]
        else { return 0 }
        return taken.sequence
    }
}

extension LogState {
    /// The header of an export of this state.
    package func header(
        after point: ExportPoint, chain: TrailChain, acknowledged: [String: [StreamName: UInt64]],
        at time: Int64
    ) -> BackupHeader {
        var header = BackupHeader()
        header.format = 1
        header.region = region
        header.identity = IdentityFields.values(of: identity, region: region)
        header.trailSequence = chain.sequence
        header.trailHash = chain.hash
        header.trailAfter = min(point.trailSequence, chain.sequence)
        header.previous = point.file
        header.takenAtUs = time
        header.streams = streams.values.sorted { $0.name.text < $1.name.text }.map { stream in
            var part = BackupStream()
            part.name = stream.name.text
            part.after = point.after(stream, self)
            part.head = stream.position
            part.compactedThrough = stream.compactedThrough
            part.purgedThrough = stream.purgedThrough
            part.digests = stream.digests.sorted { $0.domain < $1.domain }
            return part
        }
        for (region, positions) in acknowledged.sorted(by: { $0.key < $1.key }) {
            for (stream, sequence) in positions.sorted(by: { $0.key.text < $1.key.text }) {
                var part = BackupAcknowledgement()
                part.region = region
                part.position.stream = stream.text
                part.position.sequence = sequence
                header.acknowledgements.append(part)
            }
        }
        return header
    }
}

/// Gathers what an export reads into parts of a bounded size.
package struct ExportChunk {
    private static let entriesMax = 1_000
    private static let bytesMax = 1 << 20

    private var entries: [BackupStoredEntry] = []
    private var events: [TrailRecordedEvent] = []
    private var bytes = 0
    private let take: (BackupPart) throws -> Void

    package init(_ take: @escaping (BackupPart) throws -> Void) { self.take = take }

    package mutating func add(_ entry: LogEntry, request: String?) throws {
        var stored = BackupStoredEntry()
        stored.entry = entry
        stored.requestID = request ?? ""
        entries.append(stored)
        bytes += entry.value.count + entry.key.utf8.count
        if entries.count >= Self.entriesMax || bytes >= Self.bytesMax { try send() }
    }

    package mutating func add(_ event: TrailRecordedEvent) throws {
        events.append(event)
        bytes += 2 * event.cloudtrailJson.utf8.count
        if events.count >= Self.entriesMax || bytes >= Self.bytesMax { try send() }
    }

    /// Hands over what has been gathered.
    package mutating func send() throws {
        bytes = 0
        if !entries.isEmpty {
            var part = BackupPart()
            part.entries.entries = entries
            entries.removeAll(keepingCapacity: true)
            try take(part)
        }
        if !events.isEmpty {
            var part = BackupPart()
            part.trail.events = events
            events.removeAll(keepingCapacity: true)
            try take(part)
        }
    }
}
