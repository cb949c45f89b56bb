import Contracts
import RPC
import ReplicatedState
import Synchronization

extension DirectoryServer {
    /// Between two answers at most, so that whoever listens knows that nothing was missed.
    private static var silenceMax: Duration { .milliseconds(250) }

    func watchPeople(
        _ request: DirectoryWatchPeopleRequest, context: ServerContext,
        responses: ResponseWriter<DirectoryWatchPeopleResponse>
    ) async throws {
        let stream = Self.domain.scope.stream(of: "")
        var told: RecentChanges<Identifier>.Mark?
        while true {
            let (changed, mark, position) = try replica.read(standingIn: stream) {
                [told] state, position in
                let changes = state.changedPeople
                return (told.flatMap { changes.since($0) }, changes.mark, position)
            }
            var response = DirectoryWatchPeopleResponse()
            if let changed {
                response.userIds = changed.map(\.text)
            } else {
                response.everybody = true
            }
            response.position = position
            try await responses.write(response)
            told = mark
            guard !isStopping.load(ordering: .relaxed) else {
                throw RPCError(
                    .unavailable, reason: "SERVER_STOPPING", message: "The server is stopping.")
            }
            try await replica.moves(from: position, until: .after(Self.silenceMax))
        }
    }
}
