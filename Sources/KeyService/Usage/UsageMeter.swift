import Contracts
import GRDB
import RPC
import Synchronization

/// Counts requests per key, principal, operation and month. Counting is in memory; a batch goes to
/// the store every few seconds, so a killed process loses a few seconds of figures and nothing
/// else.
final class UsageMeter: Sendable {
    private struct Entry: Hashable {
        let keyID: String
        let principal: String
        let operation: String
        /// Months since year 0.
        let month: Int32
    }

    private struct Count {
        var requests: Int64 = 0
        var refused: Int64 = 0
    }

    /// More different entries than this between two flushes are counted under "other".
    private static let entryCountMax = 20_000

    private let pending = Mutex<[Entry: Count]>([:])
    private let store: KeyStore
    private let now: @Sendable () -> Int64

    init(store: KeyStore, now: @escaping @Sendable () -> Int64) {
        self.store = store
        self.now = now
    }

    func count(_ operation: String, keyID: String, principal: String, isRefused: Bool) {
        let month = Self.month(now())
        var entry = Entry(keyID: keyID, principal: principal, operation: operation, month: month)
        pending.withLock { pending in
            if pending.count >= Self.entryCountMax, pending[entry] == nil {
                entry = Entry(keyID: keyID, principal: "other", operation: "other", month: month)
            }
            pending[entry, default: Count()].requests += 1
            if isRefused { pending[entry, default: Count()].refused += 1 }
        }
    }

    /// Runs an operation and counts it.
    func metered<Value>(
        _ operation: String, _ key: ActiveKey, _ caller: Caller, _ body: () throws -> Value
    ) throws -> Value {
        do {
            let value = try body()
            count(operation, keyID: key.stored.keyID, principal: caller.name, isRefused: false)
            return value
        } catch {
            count(operation, keyID: key.stored.keyID, principal: caller.name, isRefused: true)
            throw error
        }
    }

    /// Writes what was counted. When that fails, the figures stay for the next time.
    func flush() throws {
        let batch = pending.withLock { pending in
            defer { pending = [:] }
            return pending
        }
        guard !batch.isEmpty else { return }
        do {
            try store.writing { database in
                let statement = try database.cachedStatement(
                    sql: """
                        INSERT INTO usage (key_id, principal, operation, month, requests, refused)
                        VALUES (?, ?, ?, ?, ?, ?)
                        ON CONFLICT DO UPDATE SET
                            requests = requests + excluded.requests,
                            refused = refused + excluded.refused
                        """)
                for (entry, count) in batch {
                    try statement.execute(arguments: [
                        entry.keyID, entry.principal, entry.operation, Self.text(entry.month),
                        count.requests, count.refused,
                    ])
                }
            }
        } catch {
            pending.withLock { pending in
                pending.merge(batch) { kept, lost in
                    Count(
                        requests: kept.requests + lost.requests,
                        refused: kept.refused + lost.refused)
                }
            }
            throw error
        }
    }

    /// The figures of one key or, with an empty ID, of all.
    func usage(keyID: String, region: String) throws -> [KeysGetUsageResponse.Usage] {
        try flush()
        return try store.reading { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM usage WHERE ?1 = '' OR key_id = ?1
                    ORDER BY key_id, month, principal, operation LIMIT 100000
                    """, arguments: [keyID]
            ).map { row in
                var usage = KeysGetUsageResponse.Usage()
                usage.keyID = row["key_id"]
                usage.region = region
                usage.principal = row["principal"]
                usage.operation = row["operation"]
                usage.month = row["month"]
                let requests: Int64 = row["requests"]
                let refused: Int64 = row["refused"]
                usage.requests = UInt64(clamping: requests)
                usage.refused = UInt64(clamping: refused)
                return usage
            }
        }
    }

    /// Months since year 0 of a time in microseconds since 1970.
    static func month(_ microseconds: Int64) -> Int32 {
        // Civil date from days (proleptic Gregorian, years starting in March).
        let days = microseconds / 86_400_000_000 + 719_468
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return Int32(year * 12 + month - 1)
    }

    private static func text(_ month: Int32) -> String {
        let number = month % 12 + 1
        return "\(month / 12)-\(number < 10 ? "0" : "")\(number)"
    }
}
