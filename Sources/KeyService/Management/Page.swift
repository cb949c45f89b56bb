import RPC

/// A part of a list, in the order of the items' names, so that it goes on correctly when the list
/// has changed meanwhile.
struct Page<Item> {
    static var sizeMax: Int { 1000 }
    static var sizeDefault: Int { 100 }

    let items: [Item]
    /// Empty on the last page.
    let nextToken: String

    /// - Parameter name: by which the list is sorted; different for each item.
    /// - Throws: ValidationException, InvalidMarkerException.
    init(_ all: [Item], size: UInt32, token: String, name: (Item) -> String) throws {
        guard size <= Self.sizeMax else {
            throw RPCError.validation("A page has 1 to \(Self.sizeMax) items.")
        }
        let after = try PageToken.position(token)
        let rest = all.map { (name($0), $0) }.filter { $0.0 > after }.sorted { $0.0 < $1.0 }
        let page = rest.prefix(size == 0 ? Self.sizeDefault : Int(size))
        items = page.map(\.1)
        nextToken = rest.count > page.count ? page.last.map { PageToken.token($0.0) } ?? "" : ""
    }
}

/// Where a list goes on. Opaque to callers.
enum PageToken {
    private static let prefix = "k1:"

    static func token(_ position: String) -> String { prefix + position }

    /// - Throws: InvalidMarkerException for anything this service did not give.
    static func position(_ token: String) throws -> String {
        if token.isEmpty { return "" }
        guard token.hasPrefix(prefix), token.utf8.count <= 1024 else {
            throw RPCError(
                .invalidArgument, reason: "InvalidMarkerException",
                message: "The page token is not one of this service.")
        }
        return String(token.dropFirst(prefix.count))
    }
}
