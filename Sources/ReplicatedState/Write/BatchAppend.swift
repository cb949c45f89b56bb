import Contracts
import RPC

/// What has to be the newest in a domain for an append to be right.
enum Predecessor: Equatable, Sendable {
    /// Its last entry; 0 where there is none.
    case sequence(UInt64)
    /// The last record of an append that is on its way, or was when this one was made.
    case append(requestID: String)

    func demand(of request: inout CoordinatorAppendRequest) {
        switch self {
        case .sequence(let sequence): request.expectedDomainSequence = sequence
        case .append(let requestID):
            request.expectedDomainSequence = .max
            request.afterRequestID = requestID
        }
    }
}

/// A batch as it goes to the coordinator, and what is to be done when it is durable.
struct BatchAppend<State: DomainState>: Sendable {
    let batch: WriteBatch<State>
    let generation: UInt64
    let predecessor: Predecessor
    let domain: DomainBinding
    var newDataKey: HeldDataKey?
    /// Changes of data keys, before those of the batch.
    var leading: [RecordChange] = []
    var request = CoordinatorAppendRequest()

    /// What the next one has to follow.
    var successor: Predecessor {
        request.records.isEmpty ? predecessor : .append(requestID: request.requestID)
    }

    /// Sends, and repeats with the same request ID when the answer was lost.
    func send(through client: CoordinatorLogClient) async throws -> CoordinatorAppendResponse {
        var backoff = Backoff()
        for _ in 0..<3 {
            do {
                return try await client.append(request)
            } catch let error as RPCError
                where [.unavailable, .deadlineExceeded].contains(error.code)
            {
                try await Task.sleep(for: backoff.next())
            }
        }
        return try await client.append(request)
    }

    /// Makes what is durable readable here, unless the tail has brought it already, and answers.
    func settle(_ answer: CoordinatorAppendResponse, in replica: DomainReplica<State>) {
        let changes = request.records.isEmpty ? [] : sequenced(answer)
        replica.change { core in
            // Where all was dropped meanwhile, the tail brings what of this is in the log.
            guard core.generation == generation else { return }
            if let newDataKey { replica.ring.insert(newDataKey) }
            replica.ring.take(leading + batch.changes)
            core.apply(changes[...])
        }
        finish(answer, in: replica)
    }

    /// The same where the batch before is in the log and not applied here: the tail brings both.
    func settleByTail(
        _ answer: CoordinatorAppendResponse, in replica: DomainReplica<State>
    ) async {
        do {
            try await replica.wait(for: answer.position, until: .after(.seconds(5)))
            finish(answer, in: replica)
        } catch {
            fail(error)
        }
    }

    private func finish(_ answer: CoordinatorAppendResponse, in replica: DomainReplica<State>) {
        var position = answer.position
        if request.records.isEmpty {
            let stream = domain.scope.stream(of: replica.settings.region)
            position = replica.positions.first { $0.stream == stream } ?? LogPosition()
        }
        for item in batch.items { item.finish(.success(position)) }
    }

    /// The changes with the places that they have got.
    private func sequenced(_ answer: CoordinatorAppendResponse) -> [SequencedChange] {
        let position = answer.position
        return (leading + batch.changes).enumerated().map { index, change in
            var value: [UInt8]?
            if case .sealed(let bytes) = change.content { value = bytes }
            return SequencedChange(
                sequence: answer.firstSequence + UInt64(index), epoch: position.epoch,
                commit: position.sequence,
                change: DomainChange(
                    stream: position.stream, domain: domain.name, key: change.key,
                    version: change.version, value: value))
        }
    }

    func fail(_ error: any Error) {
        for item in batch.items { item.finish(.failure(error)) }
    }
}
