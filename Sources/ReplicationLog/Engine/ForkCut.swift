import Contracts

extension LogTransaction {
    private static var chunk: Int { 512 }

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
            while true {
                let entries = try tables.last(Self.chunk, of: stream, after: fork)
                for entry in entries { try takeBack(entry, &stream) }
                if entries.count < Self.chunk { break }
            }
            stream.head = fork
            stream.headEpoch = identity.history.epoch(at: fork)
            for (name, domain) in stream.domains {
                let last = try tables.lastSequence(ofDomain: domain.id, in: stream)
                stream.domains[name]?.lastSequence = last
            }
        }
        // Whoever has read beyond reads anew; what was answered before may be among what is gone.
        identity.incarnation += 1
        identity.forkedAfter = nil
        identity.missing[.control] = nil
        forgetRequests()
        try setIdentity(identity)
        return true
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
