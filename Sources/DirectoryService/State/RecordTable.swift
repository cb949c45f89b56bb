import NIOCore

/// All users, or all groups: encoded records with their indexes.
///
/// A row may exist before its record does, when a membership that refers to it was read first. Such a
/// row is not live: no read finds it.
struct RecordTable {
    private let kind: RecordFields.Kind
    private(set) var ids: [Identifier] = []
    private var references: [RecordArena.Reference] = []
    private var rows = IdentifierIndex()
    private var free: [UInt32] = []
    private var arena = RecordArena()
    private var order = OrderedRows()
    private var names = HashIndex()
    private var externalIDs = HashIndex()
    private var emails = HashIndex()

    init(_ kind: RecordFields.Kind) { self.kind = kind }

    /// Live records.
    var count: Int { order.count }

    /// Bytes of all records and of those that were replaced and not yet given back.
    var heldBytes: Int { arena.liveBytes + arena.wastedBytes }

    static let sizeCount = 4

    /// Rows, names, external IDs and e-mail addresses.
    var sizes: [Int] { [ids.count, names.count, externalIDs.count, emails.count] }

    /// Makes room for so many.
    mutating func reserve(_ sizes: ArraySlice<Int>) {
        let sizes = Array(sizes)
        guard sizes.count == Self.sizeCount else { return }
        ids.reserveCapacity(sizes[0])
        references.reserveCapacity(sizes[0])
        rows.reserve(sizes[0])
        names.reserve(sizes[1])
        externalIDs.reserve(sizes[2])
        emails.reserve(sizes[3])
    }

    func isLive(_ row: UInt32) -> Bool { !references[Int(row)].isEmpty }

    /// The live row of an identifier.
    func row(_ id: Identifier) -> UInt32? {
        guard let slot = rows[id], !slot.place.isEmpty else { return nil }
        return slot.row
    }

    /// Lends the record of an identifier; nil when there is none.
    func withRecord<Result>(
        of id: Identifier, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result? {
        guard let slot = rows[id], !slot.place.isEmpty else { return nil }
        return try arena.withBytes(slot.place, body)
    }

    /// The row of an identifier, live or not.
    func anyRow(_ id: Identifier) -> UInt32? { rows[id]?.row }

    /// The row of an identifier, made when there is none.
    mutating func claimRow(_ id: Identifier) -> UInt32 {
        if let slot = rows[id] { return slot.row }
        let row: UInt32
        if let freed = free.popLast() {
            row = freed
            ids[Int(row)] = id
        } else {
            row = UInt32(ids.count)
            ids.append(id)
            references.append(RecordArena.Reference())
        }
        rows.insert(id, row)
        return row
    }

    /// Gives a row back that is not live and that nothing refers to.
    mutating func releaseRow(_ row: UInt32) {
        guard !isLive(row), rows[ids[Int(row)]]?.row == row else { return }
        rows.remove(ids[Int(row)])
        free.append(row)
    }

    /// Stores a record; false when the bytes are no record.
    mutating func set(_ row: UInt32, _ record: UnsafeRawBufferPointer) -> Bool {
        guard let fields = RecordFields(record, kind) else { return false }
        remove(row)
        place(row, at: arena.add(record))
        index(Hashes(fields)) { $0.insert($1, row) }
        order.insert(row, ids: ids)
        if arena.isWasteful { compact() }
        return true
    }

    /// Removes the record; the row stays.
    mutating func remove(_ row: UInt32) {
        guard isLive(row) else { return }
        order.remove(row, ids: ids)
        if let hashes = withFields(row, Hashes.init) { index(hashes) { $0.remove($1, row) } }
        arena.giveUp(references[Int(row)])
        place(row, at: RecordArena.Reference())
    }

    private mutating func place(_ row: UInt32, at place: RecordArena.Reference) {
        references[Int(row)] = place
        rows.place(ids[Int(row)], at: place)
    }

    /// Lends the record of a row: empty when it is not live.
    func withRecord<Result>(
        _ row: UInt32, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try arena.withBytes(references[Int(row)], body)
    }

    /// A copy of the encoded record.
    func record(_ row: UInt32) -> ByteBuffer { arena.copy(references[Int(row)]) }

    func withFields<Result>(_ row: UInt32, _ body: (RecordFields) -> Result) -> Result? {
        arena.withBytes(references[Int(row)]) { bytes in
            RecordFields(bytes, kind).map(body)
        }
    }

    func find(name: String) -> UInt32? {
        names.find(FoldedText.hash(name)) { row in
            withFields(row) { $0.name.map { FoldedText.areEqual($0, name) } ?? false } ?? false
        }
    }

    func find(externalID: String) -> UInt32? {
        externalIDs.find(ExactText.hash(externalID)) { row in
            withFields(row) {
                $0.externalID.map { ExactText.areEqual($0, externalID) } ?? false
            } ?? false
        }
    }

    func find(email: String) -> UInt32? {
        emails.find(FoldedText.hash(email)) { row in
            withFields(row) { fields in
                fields.emails.contains { FoldedText.areEqual($0, email) }
            } ?? false
        }
    }

    /// Live rows in order of identifier.
    func page(after id: Identifier?, offset: Int, limit: Int) -> [UInt32] {
        order.rows(after: id, offset: offset, limit: limit, ids: ids)
    }

    /// Whether name, display name or an e-mail address has `part` (in lower case) in it.
    func matches(_ row: UInt32, _ part: String) -> Bool {
        withFields(row) { fields in
            ([fields.name, fields.displayName].compactMap(\.self) + fields.emails)
                .contains { FoldedText.contains($0, part) }
        } ?? false
    }

    /// Under what a record is found.
    private struct Hashes {
        let name: UInt64?
        let externalID: UInt64?
        /// The first of its addresses, which is mostly the only one.
        let email: UInt64?
        /// The others, each once.
        let moreEmails: Set<UInt64>

        init(_ fields: RecordFields) {
            name = fields.name.map(FoldedText.hash)
            externalID = fields.externalID.flatMap { $0.isEmpty ? nil : ExactText.hash($0) }
            email = fields.email.map(FoldedText.hash)
            moreEmails =
                fields.moreEmails.isEmpty
                ? [] : Set(fields.moreEmails.map(FoldedText.hash)).subtracting([email ?? 0])
        }
    }

    private mutating func index(
        _ hashes: Hashes, with change: (inout HashIndex, UInt64) -> Void
    ) {
        if let hash = hashes.name { change(&names, hash) }
        if let hash = hashes.externalID { change(&externalIDs, hash) }
        if let hash = hashes.email { change(&emails, hash) }
        for hash in hashes.moreEmails { change(&emails, hash) }
    }

    private mutating func compact() {
        var packed = RecordArena()
        for row in references.indices where !references[row].isEmpty {
            place(UInt32(row), at: arena.withBytes(references[row]) { packed.add($0) })
        }
        arena = packed
    }
}
