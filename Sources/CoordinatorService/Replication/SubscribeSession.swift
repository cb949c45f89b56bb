import Contracts
import RPC
import ReplicationLog
import SwiftProtobuf

/// One subscription of another Region to what this one writes.
struct SubscribeSession {
    private let coordinator: Coordinator
    private let subscriber: String
    private let responses: ResponseWriter<CoordinatorSubscribeResponse>
    private let logID: String
    private let returnsOwnStream: Bool
    private let wantsControl: Bool
    private let epoch: UInt64?
    private var positions: [StreamName: UInt64] = [:]
    private var greeted: Set<StreamName> = []

    init(
        _ coordinator: Coordinator, _ subscriber: String, _ request: CoordinatorSubscribeRequest,
        _ responses: ResponseWriter<CoordinatorSubscribeResponse>
    ) {
        self.coordinator = coordinator
        self.subscriber = subscriber
        self.responses = responses
        self.logID = request.logID
        for position in request.after.prefix(64) {
            if let name = StreamName(position.stream) { positions[name] = position.sequence }
        }
        wantsControl = positions[.control] != nil
        epoch = coordinator.epoch
        returnsOwnStream = positions[.regional(subscriber)] != nil
    }

    /// Runs until cancelled or until the subscriber or this Region is no longer part of the log.
    mutating func run() async throws {
        while true {
            let version = coordinator.hub.version
            let state = coordinator.engine.state
            guard state.identity?.logID == logID else {
                throw LogError(.regionNotEnabled, "The Region has left the instance.")
            }
            guard coordinator.isMember(subscriber) else { throw RPCError.notMember(subscriber) }
            for stream in streams(state) { try await sendNews(of: stream) }
            // The subscriber asks again, for what this Region writes in the new reign.
            guard state.identity?.epoch == epoch else { return }
            try await coordinator.hub.wait(past: version)
        }
    }

    /// What this Region writes, and for a returning Region its own stream as the primary holds it:
    /// that one first, so that the Region may write again before it counts as copied.
    private func streams(_ state: LogState) -> [StreamName] {
        guard let identity = state.identity else { return [] }
        var streams: [StreamName] = []
        if identity.isPrimary, returnsOwnStream { streams.append(.regional(subscriber)) }
        // Until this Region has its own stream back, there is nothing of it to send.
        if identity.mayWriteOwnStream { streams.append(.regional(coordinator.region)) }
        // A former primary brings its successor up to the handover, and who has promised to follow a
        // candidate gives it what the lost primary left here.
        let isSource =
            identity.isPrimary || identity.primaryRegion == subscriber
            || identity.promise?.primaryRegion == subscriber
        if isSource, wantsControl, identity.forkedAfter == nil { streams.append(.control) }
        return streams
    }

    private mutating func sendNews(of stream: StreamName) async throws {
        while true {
            let after = positions[stream] ?? 0
            let result = try await coordinator.read(ReadQuery(stream: stream, after: after))
            // The first message of a stream says where its head is, even if nothing is new.
            if result.through.sequence > after || greeted.insert(stream).inserted {
                positions[stream] = result.through.sequence
                try await responses.write(message(stream, after, result))
            }
            if result.isAtHead { return }
        }
    }

    private func message(
        _ stream: StreamName, _ after: UInt64, _ result: ReadResult
    ) -> CoordinatorSubscribeResponse {
        let held = coordinator.engine.state.streams[stream]
        return .with {
            $0.stream = stream.text
            $0.entries = result.entries
            $0.through = result.through
            $0.head = held?.position ?? result.through
            $0.entriesTotal = held?.entries ?? 0
            $0.sentAtUs = coordinator.now()
            $0.after.stream = stream.text
            $0.after.sequence = after
            $0.compactedThrough = result.compactedThrough
        }
    }
}
