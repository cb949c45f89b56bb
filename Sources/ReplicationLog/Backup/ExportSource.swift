package import Contracts

/// A store as it stands at one moment, for an export. Everything it answers is of that moment.
package protocol ExportSource {
    func state() throws -> LogState
    func chain() throws -> TrailChain
    func acknowledged() throws -> [String: [StreamName: UInt64]]
    /// The next entries of a stream after a sequence, verified, each with the request that it ended;
    /// fewer than `limit` are the last.
    func entries(
        of stream: StreamState, after sequence: UInt64, limit: Int
    ) throws -> [(entry: LogEntry, request: String?)]
    /// The next events after a sequence; fewer than `limit` are the last.
    func events(after sequence: UInt64, limit: Int) throws -> [TrailRecordedEvent]
}

extension ExportSource {
    private var pageMax: Int { 500 }

    /// Hands over what has come since a point, in parts.
    package func export(
        after point: ExportPoint, at time: Int64, _ take: @escaping (BackupPart) throws -> Void
    ) throws {
        let state = try state()
        let header = state.header(
            after: point, chain: try chain(), acknowledged: try acknowledged(), at: time)
        var part = BackupPart()
        part.header = header
        try take(part)
        var chunk = ExportChunk(take)
        for stream in header.streams {
            guard let name = StreamName(stream.name), let held = state.streams[name] else {
                continue
            }
            try pages(after: stream.after) { after in
                let page = try entries(of: held, after: after, limit: pageMax)
                for row in page { try chunk.add(row.entry, request: row.request) }
                return page.count < pageMax ? nil : page.last?.entry.sequence
            }
        }
        try pages(after: header.trailAfter) { after in
            let page = try events(after: after, limit: pageMax)
            for event in page { try chunk.add(event) }
            return page.count < pageMax ? nil : page.last?.sequence
        }
        try chunk.send()
    }

    /// Goes on for as long as `next` says after what.
    private func pages(after first: UInt64, _ next: (UInt64) throws -> UInt64?) rethrows {
        var after: UInt64? = first
        while let present = after { after = try next(present) }
    }
}
