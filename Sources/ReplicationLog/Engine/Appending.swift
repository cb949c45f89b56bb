import Contracts

extension LogTransaction {
    /// Compare-and-append, held to the write gate and the epoch as they are in storage now.
    ///
    /// The command's form has been checked before.
    package func append(_ command: AppendCommand) throws -> AppendOutcome {
        if !command.requestID.isEmpty, let known = outcome(of: command.requestID) { return known }
        if let readingID = command.readingID, readingID != state.identity?.readingID {
            throw LogError(
                .domainAdvanced,
                "What \(command.domain) was decided on has been taken back in this Region.")
        }
        let admission = try command.admission(state)
        let epoch = try admission.gate.admitAppend(to: command.stream)
        let held = state.streams[command.stream]
        let last = held?.domains[command.domain]?.lastSequence ?? 0
        if let expected = try expectedSequence(command, last: last), expected != last {
            throw LogError(
                .domainAdvanced,
                "The domain \(command.domain) stands at \(last), not at \(expected).",
                domainSequence: last)
        }
        let previous = try previousEntries(of: command, domain: held?.domains[command.domain])
        let outcome = try withStream(command.stream) { stream in
            try store(command, epoch: epoch, previous: previous, in: &stream)
        }
        if let identity = admission.identity { try setIdentity(identity) }
        try record(command.events)
        if !command.requestID.isEmpty { requests[command.requestID] = outcome }
        return outcome
    }

    /// Where the domain has to stand.
    ///
    /// Throws: `predecessorUnknown` when that is where an append has left it which is not there (yet).
    private func expectedSequence(
        _ command: AppendCommand, last: UInt64
    ) throws(LogError) -> UInt64? {
        guard let requestID = command.afterRequestID else { return command.expectedDomainSequence }
        guard let before = outcome(of: requestID) else {
            throw LogError(
                .predecessorUnknown,
                "The append that this one follows in \(command.domain) is not in the log.",
                domainSequence: last)
        }
        // One without records says nothing about the domain.
        let isOfStream = before.position.stream == command.stream.text
        let hasRecords = before.firstSequence <= before.position.sequence
        return isOfStream && hasRecords ? before.position.sequence : .max
    }

    /// What each record replaces. Refuses a version that does not go up.
    private func previousEntries(
        of command: AppendCommand, domain: DomainState?
    ) throws -> [NewestEntry?] {
        guard let domain else { return Array(repeating: nil, count: command.records.count) }
        let newest = try tables.newest(domain: domain.id, keys: command.records.map(\.key))
        for (index, record) in command.records.enumerated() {
            if let previous = newest[index], !previous.tombstone, record.version <= previous.version
            {
                throw LogError(
                    .invalidRecord,
                    "Record \(index) has version \(record.version); the key has already had "
                        + "\(previous.version).")
            }
        }
        return newest
    }

    private func store(
        _ command: AppendCommand, epoch: UInt64, previous: [NewestEntry?],
        in stream: inout StreamState
    ) throws -> AppendOutcome {
        let first = stream.head + 1
        let commit = stream.head + UInt64(command.records.count)
        guard commit < 1 << 47 else {
            throw LogError(.storageFailed, "The stream has used up its sequences.")
        }
        if !command.records.isEmpty {
            var domain = try self.domain(command.domain, in: &stream)
            for (index, record) in command.records.enumerated() {
                let entry = Self.entry(
                    record, command, sequence: first + UInt64(index), commit: commit, epoch: epoch)
                let isLast = index == command.records.count - 1
                try store(
                    entry, previous: previous[index],
                    request: isLast && !command.requestID.isEmpty
                        ? RequestMark.text(command.requestID, records: command.records.count)
                        : nil,
                    in: &stream, domain: &domain)
            }
            stream.domains[command.domain] = domain
        }
        return AppendOutcome(
            position: stream.position, firstSequence: first,
            writtenAtMicroseconds: command.writtenAtMicroseconds)
    }

    private static func entry(
        _ record: LogRecord, _ command: AppendCommand, sequence: UInt64, commit: UInt64,
        epoch: UInt64
    ) -> LogEntry {
        var entry = LogEntry()
        entry.stream = command.stream.text
        entry.sequence = sequence
        entry.epoch = epoch
        entry.commit = commit
        entry.domain = command.domain
        entry.key = record.key
        entry.version = record.version
        entry.tombstone = record.tombstone
        entry.value = record.value
        entry.writtenAtUs = command.writtenAtMicroseconds
        entry.checksum = entry.computedChecksum
        return entry
    }
}
