/// One thing to be written. Its work runs on the engine's writer, inside a transaction that it may
/// share with others.
///
/// `perform` checks first and writes then: once it has written it throws no `LogError`.
struct WriteOperation: Sendable {
    /// Bytes it holds in memory while it waits.
    let weight: Int
    /// Returns what is to be done once the transaction is durable.
    let perform: @Sendable (LogTransaction) throws -> @Sendable () -> Void
    let fail: @Sendable (LogError) -> Void
    /// Keys it will ask the newest entry of, for engines that can fetch them for a whole group.
    var keys: KeyHint?

    /// Performs it in a transaction. A refusal is the operation's own and leaves the others alone;
    /// everything else ends the transaction.
    func run(_ transaction: LogTransaction) throws -> @Sendable () -> Void {
        let writesBefore = transaction.writes
        do {
            return try perform(transaction)
        } catch let refusal as LogError where transaction.writes == writesBefore {
            return { fail(refusal) }
        }
    }
}

/// Keys of one domain that an operation is about.
struct KeyHint: Sendable {
    let stream: StreamName
    let domain: String
    let keys: [String]
}

/// What waits for the writer. Bounded; a value, so that it can sit in a mutex.
struct WriteQueue {
    static let operationsMax = 8_192
    static let bytesMax = 64 << 20
    private static let groupOperationsMax = 1_024
    private static let groupBytesMax = 8 << 20

    private var waiting: [WriteOperation] = []
    private var next = 0
    private var bytes = 0
    private var isDraining = false
    private(set) var isClosed = false

    /// Adds an operation. Returns whether a drain has to be started.
    mutating func add(_ operation: WriteOperation) throws(LogError) -> Bool {
        guard !isClosed else { throw LogError(.closed, "The log is closed.") }
        guard waiting.count - next < Self.operationsMax, bytes < Self.bytesMax else {
            throw LogError(.busy, "Too much is waiting to be written; try again shortly.")
        }
        waiting.append(operation)
        bytes += operation.weight
        defer { isDraining = true }
        return !isDraining
    }

    /// The next operations to share a transaction; none ends the drain.
    mutating func takeGroup() -> [WriteOperation] {
        var group: [WriteOperation] = []
        var groupBytes = 0
        while next < waiting.count, group.count < Self.groupOperationsMax,
            group.isEmpty || groupBytes + waiting[next].weight <= Self.groupBytesMax
        {
            groupBytes += waiting[next].weight
            group.append(waiting[next])
            next += 1
        }
        if next == waiting.count {
            waiting.removeAll(keepingCapacity: waiting.capacity <= 1_024)
            next = 0
        }
        bytes -= groupBytes
        if group.isEmpty { isDraining = false }
        return group
    }

    mutating func close() { isClosed = true }
}
