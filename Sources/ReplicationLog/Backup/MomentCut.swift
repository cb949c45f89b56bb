package import Contracts

// Going back, within a restore, from a point of a backup to a moment before it. What is taken back has
// been verified with the rest of the point; nothing has been adopted yet.
extension LogTransaction {
    /// Takes back, newest first, a step of what an import has brought beyond a cut. True once the
    /// stream ends there.
    ///
    /// The files say whether what was replaced beyond the cut is there (`MomentScan`).
    ///
    /// Throws: `logMismatch` when the store takes part in a log.
    package func takeBack(beyond cut: StreamCut) throws -> Bool {
        guard state.identity == nil else {
            throw LogError(.logMismatch, "The store takes part in a log already.")
        }
        guard let held = state.streams[cut.stream], held.head > cut.sequence else { return true }
        guard cut.sequence > 0 else {
            try remove(held)
            return true
        }
        noteWrite()
        return try withStream(cut.stream) { stream in
            let count = try takeBack(stepAfter: cut.sequence, &stream)
            guard count < Self.takenBackMax else { return false }
            try stand(&stream, at: cut.sequence, epoch: cut.epoch)
            stream.compactedThrough = min(stream.compactedThrough, cut.sequence)
            stream.purgedThrough = min(stream.purgedThrough, cut.sequence)
            return true
        }
    }

    /// No Region can have acknowledged more than there was.
    package func clampAcknowledgements(_ header: BackupHeader, to cuts: [StreamCut]) throws {
        let ends = Dictionary(
            cuts.map { ($0.stream.text, $0.sequence) }, uniquingKeysWith: { first, _ in first })
        noteWrite()
        for part in header.acknowledgements {
            try tables.acknowledge(
                region: part.region, stream: part.position.stream,
                sequence: min(part.position.sequence, ends[part.position.stream] ?? 0),
                at: header.takenAtUs)
        }
    }

    /// The newest entry of a key, verified; nil when there is none.
    package func newestEntry(
        of key: String, domain: String, in name: StreamName
    ) throws -> LogEntry? {
        guard let stream = state.streams[name], let held = stream.domains[domain] else {
            return nil
        }
        let newest = try tables.newest(domain: held.id, keys: [key])
        return try newest.first??.entry(stream: name, domain: domain)
    }
}

extension LogIdentity {
    /// The Region's part in the log when its streams ended there.
    ///
    /// Fences stay: what this Region had promised, and of which entries it had learned that they are
    /// not part of the log.
    ///
    /// - Parameters:
    ///   - cuts: Where all streams ended.
    ///   - known: What was known before, for certain.
    ///   - handover: The last one in the log: the reign it names has begun, if nothing says so yet.
    package func cut(
        to cuts: [StreamCut], known: LogIdentity?, handover: Reign?
    ) -> LogIdentity {
        let ends = Dictionary(
            cuts.map { ($0.stream, $0.sequence) }, uniquingKeysWith: { first, _ in first })
        let head = ends[.control] ?? 0
        var identity = self
        let begun = history.reigns.filter {
            $0.after < head || known?.history.reigns.contains($0) ?? false
        }
        identity.history = ReignHistory(begun) ?? history
        if let handover, handover.prevails(over: identity.history.current) {
            identity.history = identity.history.adding(handover) ?? identity.history
        }
        if let forkedAfter, head <= forkedAfter { identity.forkedAfter = nil }
        // A copy that was not whole yet, or not before the moment, is copied further.
        let targets = missing.merging(known?.missing ?? [:], uniquingKeysWith: max)
        identity.missing = targets.filter { (ends[$0.key] ?? 0) < $0.value }
        return identity
    }
}
