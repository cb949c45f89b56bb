import RPC
import ReplicatedState

/// User IDs of a request, without repetitions.
struct UserList: Sendable {
    /// A commit holds 10,000 records; the group's own and a data key's may come with them.
    static let countMax = 9_990

    let ids: [Identifier]

    /// Throws: INVALID_ARGUMENT TOO_MANY_MEMBERS, NOT_FOUND USER_NOT_FOUND for what is no user ID.
    init(_ texts: [String], besides count: Int = 0) throws {
        guard texts.count + count <= Self.countMax else {
            throw RPCError(
                .invalidArgument, reason: "TOO_MANY_MEMBERS",
                message: "One call changes at most \(Self.countMax) members; divide it.")
        }
        var seen = Set<Identifier>(minimumCapacity: texts.count)
        var ids: [Identifier] = []
        for text in texts {
            guard let id = Identifier(text) else { throw RPCError.userNotFound(text) }
            if seen.insert(id).inserted { ids.append(id) }
        }
        self.ids = ids
    }

    /// Keys of the users' records.
    var keys: [String] { ids.map { DirectoryKey.user($0).text } }

    /// Throws: NOT_FOUND USER_NOT_FOUND naming the first that does not exist.
    func rows(in state: DirectoryState) throws -> [UInt32] {
        try ids.map { id in
            guard let row = state.users.row(id) else { throw RPCError.userNotFound(id.text) }
            return row
        }
    }
}
