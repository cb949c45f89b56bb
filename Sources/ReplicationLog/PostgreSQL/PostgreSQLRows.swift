import CPostgreSQL
import Foundation

/// The rows a statement gave, in binary form.
final class PostgreSQLRows {
    private let result: OpaquePointer
    let count: Int

    /// Takes over the result and frees it.
    init(_ result: OpaquePointer) {
        self.result = result
        count = Int(PQntuples(result))
    }

    deinit { PQclear(result) }

    func isNull(_ row: Int, _ column: Int) -> Bool {
        PQgetisnull(result, Int32(row), Int32(column)) == 1
    }

    private func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: PQgetvalue(result, Int32(row), Int32(column)),
            count: Int(PQgetlength(result, Int32(row), Int32(column))))
    }

    /// A bigint. Throws `unexpectedAnswer` when it is something else.
    func integer(_ row: Int, _ column: Int) throws(PostgreSQLError) -> Int64 {
        let bytes = bytes(row, column)
        guard bytes.count == 8, !isNull(row, column) else { throw .unexpectedAnswer }
        return Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    }

    func number(_ row: Int, _ column: Int) throws(PostgreSQLError) -> UInt64 {
        let value = try integer(row, column)
        guard value >= 0 else { throw .unexpectedAnswer }
        return UInt64(value)
    }

    func flag(_ row: Int, _ column: Int) -> Bool { bytes(row, column).first == 1 }

    func data(_ row: Int, _ column: Int) -> Data { Data(bytes(row, column)) }

    func text(_ row: Int, _ column: Int) -> String {
        String(decoding: bytes(row, column), as: UTF8.self)
    }
}
