import CPostgreSQL
import Foundation

/// One session of the database server. Statements are queued, sent together and answered together
/// (libpq's pipeline), so that a transaction costs few round trips. Every wait has an end.
// Used by one thread at a time: the writer's queue, one reader's queue or the listener's.
final class PostgreSQLConnection: @unchecked Sendable {
    private let handle: OpaquePointer
    /// The server's answer to what one flush sends.
    private let answerMax: Duration
    private var prepared: Set<String> = []
    private var queued: [Command] = []
    private(set) var isBroken = false

    private enum Command {
        case prepare(String)
        case statement
    }

    /// Connects and prepares the session. Without `answerMax` a statement may take as long as the server
    /// lets it.
    ///
    /// Throws: `connectionLost`; `refused` when libpq is not there or the server does not let it in.
    init(_ settings: PostgreSQLSettings, answerMax: Duration? = nil) throws(PostgreSQLError) {
        self.answerMax = answerMax ?? settings.statementMax + .seconds(2)
        guard let handle = Self.connect(settings.connectionParameters) else {
            if let problem = portolan_pq_problem() { throw .refused(String(cString: problem)) }
            throw .connectionLost
        }
        self.handle = handle
        portolan_pq_silence(handle)
        guard PQstatus(handle) == CONNECTION_OK, PQsetnonblocking(handle, 1) == 0,
            PQenterPipelineMode(handle) == 1
        else {
            isBroken = true
            throw Self.refusal(of: handle).map { PostgreSQLError.refused($0) }
                ?? PostgreSQLError.connectionLost
        }
        for (name, value) in settings.session {
            try queue(.setting, [.text(name), .text(value)])
        }
        _ = try flush()
    }

    deinit { PQfinish(handle) }

    /// Which of the hosts it is: as the settings name it.
    var host: String { PQhost(handle).map { String(cString: $0) } ?? "" }

    private static func connect(_ parameters: [(String, String)]) -> OpaquePointer? {
        let keys = parameters.map { strdup($0.0) }
        let values = parameters.map { strdup($0.1) }
        defer { for text in keys + values { free(text) } }
        var keyPointers = keys.map { UnsafePointer<CChar>($0) } + [nil]
        var valuePointers = values.map { UnsafePointer<CChar>($0) } + [nil]
        return PQconnectdbParams(&keyPointers, &valuePointers, 0)
    }

    /// Why the server did not let the session in: it names user and database at most.
    private static func refusal(of handle: OpaquePointer) -> String? {
        let text = String(cString: PQerrorMessage(handle))
        guard let range = text.range(of: "FATAL:") else { return nil }
        let line = text[range.upperBound...].split(whereSeparator: \.isNewline).first ?? ""
        return String(line.drop { $0 == " " }.prefix(200))
    }

    var isInTransaction: Bool {
        let status = PQtransactionStatus(handle)
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
    }

    // MARK: - Statements

    /// Adds a statement to what the next `flush` sends.
    func queue(
        _ statement: PostgreSQLStatement, _ parameters: [PostgreSQLParameter] = []
    ) throws(PostgreSQLError) {
        if statement.isPrepared, prepared.insert(statement.name).inserted {
            guard PQsendPrepare(handle, statement.name, statement.sql, 0, nil) == 1 else {
                throw broken()
            }
            queued.append(.prepare(statement.name))
        }
        guard send(statement, parameters.map(\.encoded)) else { throw broken() }
        queued.append(.statement)
        // Keeps the server busy while a long pipeline is being made.
        if queued.count % 64 == 0, PQflush(handle) < 0 { throw broken() }
    }

    private func send(_ statement: PostgreSQLStatement, _ parameters: [[UInt8]?]) -> Bool {
        let total = parameters.reduce(1) { $0 + max(1, $1?.count ?? 0) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: total, alignment: 8)
        defer { buffer.deallocate() }
        var offset = 0
        var pointers: [UnsafePointer<CChar>?] = []
        var lengths: [Int32] = []
        for parameter in parameters {
            guard let parameter else {
                pointers.append(nil)
                lengths.append(0)
                continue
            }
            buffer[offset...].copyBytes(from: parameter)
            pointers.append(
                buffer.baseAddress.map {
                    UnsafePointer(($0 + offset).assumingMemoryBound(to: CChar.self))
                })
            lengths.append(Int32(parameter.count))
            offset += max(1, parameter.count)
        }
        let formats = [Int32](repeating: 1, count: parameters.count)
        let count = Int32(parameters.count)
        if statement.isPrepared {
            return PQsendQueryPrepared(
                handle, statement.name, count, pointers, lengths, formats, 1) == 1
        }
        return PQsendQueryParams(
            handle, statement.sql, count, nil, pointers, lengths, formats, 1) == 1
    }

    /// Sends what is queued and waits for the answers, one for each statement.
    ///
    /// Throws: the first statement's error that failed; those after it have not been run.
    func flush(within time: Duration? = nil) throws(PostgreSQLError) -> [PostgreSQLRows] {
        guard PQpipelineSync(handle) == 1 else { throw broken() }
        let deadline = ContinuousClock.now.advanced(by: time ?? answerMax)
        let commands = queued
        queued.removeAll(keepingCapacity: true)
        var rows: [PostgreSQLRows] = []
        var failure: PostgreSQLError?
        for command in commands {
            let answer = try answer(to: command, deadline)
            failure = failure ?? answer.failure
            if case .statement = command, let found = answer.rows { rows.append(found) }
        }
        guard let end = try next(deadline) else { throw broken() }
        let isSync = PQresultStatus(end) == PGRES_PIPELINE_SYNC
        PQclear(end)
        if let failure {
            if PQstatus(handle) != CONNECTION_OK || failure.endsSession { isBroken = true }
            throw failure
        }
        guard isSync else { throw broken() }
        return rows
    }

    private func answer(
        to command: Command, _ deadline: ContinuousClock.Instant
    ) throws(PostgreSQLError) -> (rows: PostgreSQLRows?, failure: PostgreSQLError?) {
        var rows: PostgreSQLRows?
        var failure: PostgreSQLError?
        while let result = try next(deadline) {
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
                rows = PostgreSQLRows(result)
            case PGRES_PIPELINE_ABORTED:
                PQclear(result)
            default:
                failure = failure ?? Self.error(of: result)
                PQclear(result)
            }
        }
        // A statement that was not prepared is not known to the server.
        if case .prepare(let name) = command, rows == nil { prepared.remove(name) }
        return (rows, failure)
    }

    private static func error(of result: OpaquePointer) -> PostgreSQLError {
        // PG_DIAG_SQLSTATE
        guard let field = PQresultErrorField(result, Int32(UInt8(ascii: "C"))) else {
            return .connectionLost
        }
        return .server(sqlState: String(cString: field))
    }

    private func broken() -> PostgreSQLError {
        isBroken = true
        return .connectionLost
    }

    /// The next result; nil at the end of a statement's results.
    private func next(
        _ deadline: ContinuousClock.Instant
    ) throws(PostgreSQLError) -> OpaquePointer? {
        while true {
            let unsent = PQflush(handle)
            if unsent < 0 && PQstatus(handle) != CONNECTION_OK { throw broken() }
            guard PQisBusy(handle) == 1 else { return PQgetResult(handle) }
            let events = Int16(unsent == 1 ? POLLIN | POLLOUT : POLLIN)
            guard wait(for: events, until: deadline) else {
                isBroken = true
                throw .timedOut
            }
            guard PQconsumeInput(handle) == 1 else {
                // What had already arrived, such as why the server ends the session, is read first.
                if PQisBusy(handle) == 0, let result = PQgetResult(handle) { return result }
                throw broken()
            }
        }
    }

    private func wait(for events: Int16, until deadline: ContinuousClock.Instant) -> Bool {
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return false }
            var descriptor = pollfd(fd: PQsocket(handle), events: events, revents: 0)
            let outcome = poll(&descriptor, 1, Int32(left / .milliseconds(1)) + 1)
            if outcome > 0 { return true }
            if outcome < 0, errno != EINTR { return true }
        }
    }

    /// Ends a transaction that failed.
    func rollBack() throws(PostgreSQLError) {
        guard !isBroken, isInTransaction || !queued.isEmpty else { return }
        try queue(.rollBack)
        _ = try flush()
    }

    // MARK: - Notifications

    /// Waits up to a time for notifications; returns what they carried.
    func notifications(within time: Duration) throws(PostgreSQLError) -> [String] {
        _ = wait(for: Int16(POLLIN), until: .now.advanced(by: time))
        guard PQconsumeInput(handle) == 1 else { throw broken() }
        var payloads: [String] = []
        while let notification = PQnotifies(handle) {
            payloads.append(String(cString: notification.pointee.extra))
            PQfreemem(notification)
        }
        return payloads
    }
}
