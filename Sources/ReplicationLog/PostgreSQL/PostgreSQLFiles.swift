package import Foundation

/// Files of one coordinator that the others of the Region must not lose with its machine.
extension PostgreSQLLogEngine {
    package func keepFile(
        _ name: String, _ next: @escaping @Sendable () throws -> Data?
    ) async throws {
        try await readers.aside { connection in
            try connection.queue(.beginPlain)
            try connection.queue(.deleteFile, [.textBytes(name)])
            var part: Int64 = 0
            while let data = try next() {
                try connection.queue(
                    .insertFile, [.textBytes(name), .integer(part), .bytes(data)])
                _ = try connection.flush()
                part += 1
            }
            try connection.queue(.commit)
            _ = try connection.flush()
        }
    }

    package func keptFiles() async throws -> [String] {
        try await readers.read { connection in
            try connection.queue(.files)
            guard let rows = try connection.flush().last else {
                throw PostgreSQLError.unexpectedAnswer
            }
            return (0..<rows.count).map { rows.text($0, 0) }
        }
    }

    package func readFile(
        _ name: String, _ take: @escaping @Sendable (Data) throws -> Void
    ) async throws {
        try await readers.readAtLength { connection in
            var part: Int64 = 0
            while true {
                try connection.queue(.filePart, [.textBytes(name), .integer(part)])
                guard let rows = try connection.flush().last else {
                    throw PostgreSQLError.unexpectedAnswer
                }
                guard rows.count == 1 else { return }
                try take(rows.data(0, 0))
                part += 1
            }
        }
    }
}

extension PostgreSQLStatement {
    static let deleteFile = Self("delete_file", "DELETE FROM files WHERE name = $1")
    static let insertFile = Self("insert_file", "INSERT INTO files VALUES ($1, $2, $3)")
    static let files = Self("files", "SELECT name FROM files WHERE part = 0 ORDER BY name")
    static let filePart = Self(
        "file_part", "SELECT data FROM files WHERE name = $1 AND part = $2")
}
