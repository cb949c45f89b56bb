import RPC

/// A page that a list was asked for.
struct Paging: Sendable {
    static let sizeMax: UInt32 = 1_000
    static let offsetMax: UInt64 = 10_000_000

    let size: Int
    let offset: Int
    /// The page begins behind this one.
    let after: Identifier?

    /// Throws: INVALID_ARGUMENT INVALID_PAGE_SIZE, INVALID_PAGE_TOKEN, INVALID_OFFSET.
    init(size: UInt32, token: String, offset: UInt64 = 0) throws {
        guard size <= Self.sizeMax else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_PAGE_SIZE",
                message: "A page has at most \(Self.sizeMax) items.")
        }
        guard offset <= Self.offsetMax else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_OFFSET",
                message: "The offset is at most \(Self.offsetMax).")
        }
        self.size = size == 0 ? 100 : Int(size)
        self.offset = Int(offset)
        after = token.isEmpty ? nil : Identifier(token)
        guard token.isEmpty || after != nil else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_PAGE_TOKEN",
                message: "The page token is not one that this service gave.")
        }
    }
}
