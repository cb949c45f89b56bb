import Contracts
import RPC
import ReplicatedState

extension DirectoryServer {
    /// Between two answers at most, so that whoever listens knows that nothing was missed.
    private static var silenceMax: Duration { .milliseconds(250) }

    func watchPeople(
        _ request: DirectoryWatchPeopleRequest, context: ServerContext,
        responses: ResponseWriter<DirectoryWatchPeopleResponse>
    ) async throws {
        var told: RecentChanges<Identifier>.Mark?
        while true {
            // First where it stands: what changes afterwards ends the wait at once.
            let position = replica.position(in: Self.domain.scope.stream(of: ""))
            let (changed, mark) = try replica.read { [told] state in
                (told.flatMap { state.changedPeople.since($0) }, state.changedPeople.mark)
            }
            var response = DirectoryWatchPeopleResponse()
            if let changed {
                response.userIds = changed.map(\.text)
            } else {
                response.everybody = true
            }
            try await responses.write(response)
            told = mark
            try await replica.moves(from: position, until: .after(Self.silenceMax))
        }
    }
}
