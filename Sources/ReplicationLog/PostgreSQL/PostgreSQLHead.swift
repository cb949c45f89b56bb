import Foundation

/// The row that orders all transactions of one log, as one engine sees it.
struct PostgreSQLHead: Sendable {
    var revision: Int64
    var nextStream: Int64
    var nextDomain: Int64
    var chain: TrailChain
    /// Engine and number of the transaction that made the revision.
    var mark: Data
    /// Transactions of this engine that are durable.
    var counter: Int64

    init(_ rows: PostgreSQLRows) throws(PostgreSQLError) {
        guard rows.count == 1 else { throw .unexpectedAnswer }
        revision = try rows.integer(0, 0)
        nextStream = try rows.integer(0, 1)
        nextDomain = try rows.integer(0, 2)
        chain = TrailChain(sequence: try rows.number(0, 3), hash: rows.data(0, 4))
        mark = rows.data(0, 5)
        counter = rows.isNull(0, 6) ? 0 : try rows.integer(0, 6)
    }
}

/// A moment of the log: how many transactions it had seen, and which one was the last.
struct PostgreSQLRevision: Sendable, Equatable {
    var number: Int64
    /// Tells a history from another one of the same length.
    var mark: Data

    init(_ head: PostgreSQLHead) {
        number = head.revision
        mark = head.mark
    }

    init(_ number: Int64, _ mark: Data) {
        self.number = number
        self.mark = mark
    }

    /// Whether a database that is here can have been there before.
    func continues(_ earlier: PostgreSQLRevision) -> Bool {
        number > earlier.number || self == earlier
    }
}
