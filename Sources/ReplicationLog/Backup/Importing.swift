package import Contracts
import Foundation

// Filling a log from an export, part by part; each part is a transaction. Until the last, the Region
// takes part in no log. Begun anew it starts over: nothing is there twice.
extension LogTransaction {
    /// Begins with a file: what it brings whole is dropped first.
    ///
    /// Throws: `logMismatch` when the target takes part in a log, or is another Region's.
    package func beginImport(_ header: BackupHeader) throws {
        guard header.format == 1 else {
            throw LogError(
                .invalidRecord, "The backup is of a form that this program does not know.")
        }
        guard header.region == state.region else {
            throw LogError(.logMismatch, "The backup is of the Region \(header.region.prefix(64)).")
        }
        guard state.identity == nil else {
            throw LogError(
                .logMismatch, "The store takes part in a log already; restore into an empty one.")
        }
        noteWrite()
        // What the files before held of another log, or of a Region that is no member any more.
        let names = Set(header.streams.map(\.name))
        for held in state.streams.values where !names.contains(held.name.text) { try remove(held) }
        for part in header.streams {
            guard let name = StreamName(part.name) else {
                throw LogError(.invalidRecord, "The backup names a stream that cannot be.")
            }
            let held = state.streams[name]
            if part.after == 0 {
                if let held { try remove(held) }
            } else if held?.head != part.after {
                throw LogError(
                    .gap,
                    "The backup goes on with \(name) after \(part.after); the store is at "
                        + "\(held?.head ?? 0).")
            }
        }
    }

    package func importEntries(_ part: BackupEntries) throws {
        for stored in part.entries {
            let entry = stored.entry
            guard let name = StreamName(entry.stream), entry.isIntact else {
                throw LogError(
                    .checksumMismatch, "The backup holds an entry that is not what was written.")
            }
            try withStream(name) { stream in
                guard entry.sequence > stream.head else {
                    throw LogError(.gap, "Entries of the backup are out of order.")
                }
                var domain = try self.domain(entry.domain, in: &stream)
                let previous = try tables.newest(domain: domain.id, keys: [entry.key])
                try store(
                    entry, previous: previous[0],
                    request: stored.requestID.isEmpty ? nil : stored.requestID, in: &stream,
                    domain: &domain)
                stream.domains[entry.domain] = domain
            }
        }
    }

    /// Adds events; those held already are passed over. The chain is verified on the way.
    package func importTrail(_ part: BackupTrail) throws {
        var rows: [TrailRow] = []
        for event in part.events where event.sequence > chain.sequence {
            let draft = TrailDraft(
                eventID: event.eventID, eventTimeMicroseconds: event.eventTimeUs,
                event: event.event, cloudTrailJSON: event.cloudtrailJson)
            rows.append(try extendChain(with: draft, sequence: event.sequence, hash: event.hash))
        }
        guard !rows.isEmpty else { return }
        noteWrite()
        try tables.insert(rows, head: chain)
    }

    /// Sets what no entry says and checks that all is there.
    ///
    /// Throws: `checksumMismatch` when digests or the trail's end are not what the backup says.
    package func endImport(_ header: BackupHeader) throws {
        noteWrite()
        for part in header.streams {
            guard let name = StreamName(part.name) else { continue }
            try withStream(name) { stream in
                guard stream.head <= part.head.sequence else {
                    throw LogError(.checksumMismatch, "The backup holds more than it says.")
                }
                stream.head = part.head.sequence
                stream.headEpoch = part.head.epoch
                stream.compactedThrough = part.compactedThrough
                stream.purgedThrough = part.purgedThrough
                for digest in part.digests {
                    let domain = try self.domain(digest.domain, in: &stream)
                    guard domain.digest.liveKeys == digest.liveKeys,
                        domain.digest.bytes == digest.sum
                    else {
                        throw LogError(
                            .checksumMismatch,
                            "What the backup holds of \(name) \(digest.domain) is not what its "
                                + "digest says.")
                    }
                }
            }
        }
        guard chain.sequence == header.trailSequence, chain.hash == header.trailHash else {
            throw LogError(
                .checksumMismatch, "The trail of the backup does not end where it says.")
        }
        for part in header.acknowledgements {
            try tables.acknowledge(
                region: part.region, stream: part.position.stream,
                sequence: part.position.sequence, at: header.takenAtUs)
        }
    }

    /// The last step: the Region takes part in the log again, as the backup says.
    package func adopt(_ identity: LogIdentity) throws {
        try setIdentity(identity)
    }
}

extension BackupHeader {
    /// The Region's part in the log at the moment of the backup; nil when it had none.
    package func logIdentity() throws(LogError) -> LogIdentity? {
        try IdentityFields.identity(identity, region: region)
    }
}
