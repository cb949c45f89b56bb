package import Contracts

extension LogTransaction {
    /// Puts back an entry that storage has spoiled, as another Region holds it. Everything else, its
    /// digest's share included, has stayed what it was. False when there is nothing to mend: the entry
    /// is intact, or has been removed since.
    ///
    /// Throws: `checksumMismatch` when what is offered is not the entry that was written here.
    package func mend(_ entry: LogEntry) throws -> Bool {
        guard let name = StreamName(entry.stream), let stream = state.streams[name],
            entry.sequence <= stream.head
        else { return false }
        let id = EntryID.make(stream: stream.id, sequence: entry.sequence)
        guard let held = try tables.entry(id, in: stream), !held.isIntact else { return false }
        guard entry.isIntact, held.couldHaveBeen(entry),
            let domain = stream.domains[entry.domain]
        else {
            throw LogError(
                .checksumMismatch,
                "What is offered for entry \(entry.sequence) of \(name) is another entry.")
        }
        noteWrite()
        try tables.replace(id, domain: domain.id, by: entry)
        return true
    }
}

extension LogTransaction {
    /// What is left of damaged entries, as it lies there.
    package func damaged(of name: StreamName, at sequences: [UInt64]) throws -> [LogEntry] {
        guard let stream = state.streams[name] else { return [] }
        return try sequences.compactMap {
            try tables.entry(EntryID.make(stream: stream.id, sequence: $0), in: stream)
        }.filter { !$0.isIntact }
    }

    /// Removes a damaged entry that a newer one of its key has replaced, before compaction would: nobody
    /// needs it. False when it is the newest of its key.
    package func passOver(_ place: EntryPlace) throws -> Bool {
        guard let stream = state.streams[place.stream], place.sequence <= stream.head else {
            return true
        }
        let id = EntryID.make(stream: stream.id, sequence: place.sequence)
        guard let held = try tables.entry(id, in: stream), !held.isIntact else { return true }
        guard let pair = try tables.superseding(id, in: stream) else { return false }
        noteWrite()
        try tables.remove(superseded: [pair], tombstones: [])
        try withStream(place.stream) { stream in
            stream.entries -= 1
            stream.compactedThrough = max(stream.compactedThrough, EntryID.sequence(of: pair.by))
        }
        return true
    }
}

extension LogEntry {
    /// Whether this, spoiled, can be what is left of an entry: the checksum is that of the entry, or
    /// only the checksum differs.
    fileprivate func couldHaveBeen(_ entry: LogEntry) -> Bool {
        if checksum == entry.checksum { return true }
        var mended = self
        mended.checksum = entry.checksum
        return mended == entry
    }
}
