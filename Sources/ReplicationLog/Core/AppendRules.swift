package import Contracts

/// Limits of the log and the rules every record is held to.
package enum AppendRules {
    package static let recordsMax = 10_000
    package static let eventsMax = 10_000
    /// With `entryOverheadBytes` for each record: a commit always fits into one message.
    package static let appendBytesMax = 4 << 20 - 64 << 10
    /// What an entry needs on the wire besides key and value, generously.
    package static let entryOverheadBytes = 160
    package static let keyBytesMax = 512
    package static let valueBytesMax = 256 << 10
    package static let domainBytesMax = 64
    package static let requestIDBytesMax = 64

    /// Checks the form of an append: what can be checked without the state.
    package static func check(_ command: AppendCommand) throws(LogError) {
        try check(command.records, domain: command.domain)
        guard command.events.count <= eventsMax,
            command.requestID.utf8.count <= requestIDBytesMax
        else {
            throw LogError(.invalidRecord, "The append has too many events or a long request ID.")
        }
    }

    /// Checks what can be checked without the state.
    ///
    /// Throws: `invalidRecord`, naming the position of the record in the append.
    package static func check(_ records: [LogRecord], domain: String) throws(LogError) {
        guard (1...domainBytesMax).contains(domain.utf8.count) else {
            throw LogError(.invalidRecord, "The domain has no name or a too long one.")
        }
        guard records.count <= recordsMax else {
            throw LogError(.invalidRecord, "An append holds at most \(recordsMax) records.")
        }
        var bytes = 0
        var keys = Set<String>(minimumCapacity: records.count)
        for (index, record) in records.enumerated() {
            try check(
                key: record.key, version: record.version, tombstone: record.tombstone,
                valueBytes: record.value.count, at: index)
            bytes += record.key.utf8.count + record.value.count + entryOverheadBytes
            guard keys.insert(record.key).inserted else {
                throw LogError(.invalidRecord, "Record \(index) repeats a key of this append.")
            }
        }
        guard bytes <= appendBytesMax else {
            throw LogError(
                .invalidRecord,
                "An append holds at most \(appendBytesMax) bytes, \(entryOverheadBytes) a record more."
            )
        }
    }

    /// Checks one record or received entry.
    package static func check(
        key: String, version: UInt64, tombstone: Bool, valueBytes: Int, at index: Int
    ) throws(LogError) {
        guard (1...keyBytesMax).contains(key.utf8.count) else {
            throw LogError(.invalidRecord, "The key of record \(index) is empty or too long.")
        }
        guard version >= 1, version < UInt64(Int64.max) else {
            throw LogError(.invalidRecord, "The version of record \(index) is out of range.")
        }
        guard valueBytes <= valueBytesMax else {
            throw LogError(
                .invalidRecord, "The value of record \(index) is over \(valueBytesMax) bytes.")
        }
        guard !tombstone || valueBytes == 0 else {
            throw LogError(.invalidRecord, "Record \(index) is a tombstone with a value.")
        }
    }
}
