import Contracts
import NIOCore
import RPC
import ReplicatedState

/// Reads that are answered on the event loop, with the bytes as they are stored.
extension DirectoryServer {
    func registerImmediate(in table: inout MethodTable) {
        table.registerImmediate(DirectoryMethods.getUser) { [self] payload, _ in
            answer { try getUser(payload) }
        }
        table.registerImmediate(DirectoryMethods.findUser) { [self] payload, _ in
            answer {
                let request = try MessageCoding.decode(
                    DirectoryFindUserRequest.self, from: payload)
                guard replica.covers(request.atLeast) else { return nil }
                return try replica.read { try Self.find(request, in: $0) }
            }
        }
        table.registerImmediate(DirectoryMethods.getGroup) { [self] payload, _ in
            answer {
                let request = try MessageCoding.decode(
                    DirectoryGetGroupRequest.self, from: payload)
                guard replica.covers(request.atLeast) else { return nil }
                return try replica.read { state in
                    guard let id = Identifier(request.groupID), let row = state.groups.row(id)
                    else { throw RPCError.groupNotFound(request.groupID) }
                    return Self.encoded(row, in: state)
                }
            }
        }
    }

    private func answer(_ read: () throws -> ByteBuffer?) -> ImmediateAnswer {
        do {
            return try read().map { .answer($0) } ?? .later
        } catch let error as RPCError {
            return .failure(error)
        } catch {
            return .later
        }
    }

    /// Takes the request apart in place; a demanded position is left to the slow path.
    private func getUser(_ payload: ByteBuffer) throws -> ByteBuffer? {
        let (id, demandsPosition) = payload.withUnsafeReadableBytes { bytes in
            var id: Identifier?
            var demandsPosition = false
            var reader = WireReader(bytes)
            while let field = reader.next() {
                if field.number == 1, case .bytes(let text) = field.value { id = Identifier(text) }
                if field.number == 2 { demandsPosition = true }
            }
            return (id, demandsPosition || reader.isMalformed)
        }
        guard !demandsPosition else { return nil }
        return try replica.read { state in
            guard let id, let row = state.users.row(id) else { throw RPCError.userNotFound("") }
            return state.users.record(row)
        }
    }
}
