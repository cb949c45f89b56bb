import Contracts
import NIOCore
import RPC
import ReplicatedState

/// Reads that are answered on the event loop, with the bytes as they are stored.
extension DirectoryServer {
    func registerImmediate(in table: inout MethodTable) {
        table.registerImmediate(DirectoryMethods.getUser) { [self] payload, _, sink in
            getUser(payload, sink)
        }
        table.registerImmediate(DirectoryMethods.findUser) { [self] payload, _, _ in
            answer {
                let request = try MessageCoding.decode(
                    DirectoryFindUserRequest.self, from: payload)
                guard replica.covers(request.atLeast) else { return nil }
                return try replica.read { try Self.find(request, in: $0) }
            }
        }
        table.registerImmediate(DirectoryMethods.getGroup) { [self] payload, _, _ in
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

    /// Takes the request apart in place and lends the record; a demanded position is left to the slow
    /// path.
    private func getUser(_ payload: UnsafeRawBufferPointer, _ sink: AnswerSink) -> ImmediateAnswer {
        var id: Identifier?
        var reader = WireReader(payload)
        while let field = reader.next() {
            if field.number == 1, case .bytes(let text) = field.value { id = Identifier(text) }
            if field.number == 2 { return .later }
        }
        guard !reader.isMalformed else { return .later }
        do {
            let isThere = try replica.read { [id] state in
                guard let id else { return false }
                return state.users.withRecord(of: id) { sink.write($0) } != nil
            }
            return isThere ? .written : .failure(.userNotFound(""))
        } catch {
            return (error as? RPCError).map { .failure($0) } ?? .later
        }
    }
}
