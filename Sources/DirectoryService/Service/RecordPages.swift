import NIOCore
import RPC
import ReplicatedState

/// A page of encoded records.
struct RecordPage: Sendable {
    var records: [ByteBuffer] = []
    /// Identifier of the last record when more follow.
    var next: Identifier?
    var total = 0
}

extension DirectoryServer {
    /// Rows looked at under one lock while searching.
    private static let searchStep = 2_000

    /// Users or groups in order of identifier.
    func page(
        of table: @escaping @Sendable (DirectoryState) -> RecordTable, _ paging: Paging,
        search: String
    ) throws -> RecordPage {
        let part = search.lowercased()
        guard part.isEmpty else { return try searchPage(of: table, paging, part) }
        return try replica.read { state in
            let table = table(state)
            let rows = table.page(
                after: paging.after, offset: paging.offset, limit: paging.size + 1)
            var page = RecordPage(total: table.count)
            page.records = rows.prefix(paging.size).map { table.record($0) }
            if rows.count > paging.size { page.next = table.ids[Int(rows[paging.size - 1])] }
            return page
        }
    }

    /// Looks at every record, a few at a time so that nobody has to wait for it.
    private func searchPage(
        of table: @escaping @Sendable (DirectoryState) -> RecordTable, _ paging: Paging,
        _ part: String
    ) throws -> RecordPage {
        guard part.utf8.count <= 1_024 else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_SEARCH",
                message: "A search has at most 1024 bytes.")
        }
        var page = RecordPage()
        var last: Identifier?
        var cursor: Identifier?
        var skip = paging.offset
        while true {
            let (found, end) = try step(of: table, after: cursor, part)
            for match in found {
                page.total += 1
                if let after = paging.after, match.id <= after { continue }
                if skip > 0 {
                    skip -= 1
                } else if page.records.count < paging.size {
                    page.records.append(match.record)
                    last = match.id
                } else {
                    page.next = last
                }
            }
            guard let end else { return page }
            cursor = end
        }
    }

    private struct Match: Sendable {
        let id: Identifier
        let record: ByteBuffer
    }

    private func step(
        of table: @escaping @Sendable (DirectoryState) -> RecordTable, after cursor: Identifier?,
        _ part: String
    ) throws -> (matches: [Match], end: Identifier?) {
        try replica.read { state in
            let table = table(state)
            let rows = table.page(after: cursor, offset: 0, limit: Self.searchStep)
            let matches = rows.filter { table.matches($0, part) }
                .map { Match(id: table.ids[Int($0)], record: table.record($0)) }
            let end = rows.count == Self.searchStep ? rows.last.map { table.ids[Int($0)] } : nil
            return (matches, end)
        }
    }
}
