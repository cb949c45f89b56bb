import Contracts

extension LogTransaction {
    /// Entries that are taken back in one step.
    static var takenBackMax: Int { 512 }

    /// Takes back what this Region holds of the control stream beyond a fork, newest first, so that it
    /// stands where it would if that had never come. What it held alone has to have been exported.
    ///
    /// False when that cannot be done, since compaction has removed what the entries replaced: then the
    /// stream has to be dropped and copied again. Nothing has changed in that case.
    ///
    /// Throws: `checksumMismatch` when an entry concerned is damaged.
    package func cutFork() throws -> Bool {
        guard var identity = state.identity, let fork = identity.forkedAfter, fork > 0,
            let held = state.streams[.control], held.head > fork,
            held.compactedThrough <= fork, held.purgedThrough <= fork
        else { return false }
        noteWrite()
        try withStream(.control) { stream in
            while try takeBack(stepAfter: fork, &stream) == Self.takenBackMax {}
            try stand(&stream, at: fork, epoch: identity.history.epoch(at: fork))
        }
        // Whoever has read beyond reads anew; what was answered before may be among what is gone.
        identity.incarnation += 1
        identity.forkedAfter = nil
        identity.missing[.control] = nil
        forgetRequests()
        try setIdentity(identity)
        return true
    }

    /// Takes back the last entries of a stream after a sequence, one step of them. Returns how many.
    func takeBack(stepAfter sequence: UInt64, _ stream: inout StreamState) throws -> Int {
        let entries = try tables.last(Self.takenBackMax, of: stream, after: sequence)
        for entry in entries { try takeBack(entry, &stream) }
        if let last = entries.last { stream.head = last.sequence - 1 }
        return entries.count
    }

    /// Ends a stream where all that came later has been taken back.
    func stand(_ stream: inout StreamState, at sequence: UInt64, epoch: UInt64) throws {
        stream.head = sequence
        stream.headEpoch = epoch
        for (name, domain) in stream.domains {
            let last = try tables.lastSequence(ofDomain: domain.id, in: stream)
            stream.domains[name]?.lastSequence = last
        }
    }

    private func takeBack(_ entry: LogEntry, _ stream: inout StreamState) throws {
        guard entry.isIntact, var domain = stream.domains[entry.domain] else {
            throw LogError.damaged(entry, in: stream.name)
        }
        let id = EntryID.make(stream: stream.id, sequence: entry.sequence)
        var predecessor: NewestEntry?
        domain.digest.remove(entry)
        if let pair = try tables.superseded(by: id),
            let before = try tables.entry(pair.id, in: stream)
        {
            guard before.isIntact else { throw LogError.damaged(before, in: stream.name) }
            domain.digest.insert(before)
            predecessor = NewestEntry(id: pair.id, before)
        }
        try tables.takeBack(id, domain: domain.id, key: entry.key, predecessor: predecessor)
        stream.domains[entry.domain] = domain
        stream.entries -= 1
    }
}
