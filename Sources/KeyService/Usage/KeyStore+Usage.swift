import GRDB

extension KeyStore {
    /// Adds what was counted since the last time.
    func addUsage(_ batch: [UsageMeter.Entry: UsageCount]) throws {
        try writing { database in
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
                    entry.subject.keyID, entry.subject.principal, entry.subject.operation,
                    entry.month.text, count.requests, count.refused,
                ])
            }
        }
    }

    /// Figures, of at most 100,000 subjects; an empty argument stands for all.
    func usage(
        keyID: String, month: String
    ) throws -> [(UsageMeter.Entry, UsageCount)] {
        try reading { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM usage WHERE (?1 = '' OR key_id = ?1) AND (?2 = '' OR month = ?2)
                    ORDER BY key_id, month, principal, operation LIMIT 100000
                    """, arguments: [keyID, month]
            ).compactMap { row in
                guard let month = UsageMonth(row["month"]) else { return nil }
                let subject = UsageMeter.Subject(
                    keyID: row["key_id"], principal: row["principal"], operation: row["operation"])
                return (
                    UsageMeter.Entry(subject: subject, month: month),
                    UsageCount(requests: row["requests"], refused: row["refused"])
                )
            }
        }
    }
}
