package import Contracts

extension LogTransaction {
    /// Starts a log, takes part in one, or changes this Region's part in the log it holds.
    package func establish(_ identity: LogIdentity) throws {
        guard identity.region == state.region else {
            throw LogError(.logMismatch, "The identity names another Region.")
        }
        if let held = state.identity {
            guard held.logID == identity.logID else {
                throw LogError(.logMismatch, "This Region holds another log.")
            }
            guard identity.epoch >= held.epoch else {
                throw LogError(
                    .epochStale, "Epoch \(identity.epoch) is over: \(held.epoch) is known here.")
            }
        }
        try setIdentity(identity)
    }

    /// Changes this Region's part in the log by what is held now; events only with a change.
    package func amend(
        events: [TrailDraft], _ change: (inout LogIdentity, LogState) throws(LogError) -> Void
    ) throws -> LogIdentity {
        guard let held = state.identity else {
            throw LogError(.regionNotEnabled, "The Region \(state.region) holds no instance.")
        }
        var identity = held
        try change(&identity, state)
        guard identity != held else { return held }
        try setIdentity(identity)
        try record(events)
        return identity
    }

    /// Drops the log and everything with it except the trail.
    package func wipe(events: [TrailDraft]) throws {
        try removeEverything()
        try record(events)
    }

    /// Drops a stream that another Region writes. Whoever found a copy damaged or different did so a
    /// moment ago; whether it has become a fork since is decided here.
    package func drop(_ stream: StreamName, isExported: Bool = false) throws {
        guard state.gate.writer(of: stream) != state.region else {
            throw LogError(.wrongWriter, "\(stream) is written here and cannot be dropped.")
        }
        guard stream != .control || isExported || state.identity?.forkedAfter == nil else {
            throw LogError(.forked, "What only \(state.region) holds has not been exported yet.")
        }
        guard let held = state.streams[stream] else { return }
        try remove(held)
        guard var identity = state.identity else { return }
        identity.incarnation += 1
        // What follows a fork never comes again.
        let fork = stream == .control ? identity.forkedAfter ?? .max : .max
        identity.missing[stream] = max(identity.missing[stream] ?? 0, min(held.head, fork))
        if stream == .control {
            identity.forkedAfter = nil
            // What was answered before may be among what is gone.
            forgetRequests()
        }
        try setIdentity(identity)
    }

    package func acknowledge(
        region: String, positions: [LogPosition], at timeMicroseconds: Int64
    ) throws {
        noteWrite()
        for position in positions.prefix(64) {
            try tables.acknowledge(
                region: region, stream: position.stream, sequence: position.sequence,
                at: timeMicroseconds)
        }
    }

    package func forget(region: String) throws {
        noteWrite()
        try tables.forget(region: region)
    }

    /// Removes superseded entries and old tombstones.
    package func compact(_ request: CompactionRequest) throws -> CompactionOutcome {
        guard let stream = state.streams[request.stream] else {
            return CompactionOutcome(removed: 0, hasMore: false)
        }
        let range =
            EntryID.make(stream: stream.id, sequence: 0) + 1..<EntryID.make(
                stream: stream.id, sequence: min(request.through, stream.head)) + 1
        let superseded = try tables.superseded(by: range, limit: request.limit)
        var tombstones: [Int64] = []
        let room = request.limit - superseded.count
        // A tombstone goes only after all that it superseded has gone.
        if room > 0, let horizon = request.tombstonesBeforeMicroseconds {
            tombstones = try tables.tombstones(in: range, before: horizon, limit: room)
        }
        let removed = superseded.count + tombstones.count
        guard removed > 0 else { return CompactionOutcome(removed: 0, hasMore: false) }
        noteWrite()
        try tables.remove(superseded: superseded, tombstones: tombstones)
        try withStream(request.stream) { stream in
            stream.entries -= UInt64(removed)
            // Who has come that far holds what replaced the entries that are gone.
            let last = (superseded.map(\.by) + tombstones).max() ?? 0
            stream.compactedThrough = max(stream.compactedThrough, EntryID.sequence(of: last))
            if let last = tombstones.last {
                stream.purgedThrough = max(stream.purgedThrough, EntryID.sequence(of: last))
            }
        }
        return CompactionOutcome(removed: removed, hasMore: removed == request.limit)
    }
}
