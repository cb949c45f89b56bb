import Contracts
import NIOCore
import RPC
import ReplicationLog
import SwiftProtobuf

/// One subscription of another Region to what this one writes. What is sent next, `SubscriberCursor`
/// knows.
struct SubscribeSession {
    private let coordinator: Coordinator
    private let responses: ResponseWriter<CoordinatorSubscribeResponse>
    private let logID: String
    private let epoch: UInt64?
    private var cursor: SubscriberCursor
    private var pace: LaggardPace

    init(
        _ coordinator: Coordinator, _ subscriber: String, _ request: CoordinatorSubscribeRequest,
        _ responses: ResponseWriter<CoordinatorSubscribeResponse>
    ) {
        self.coordinator = coordinator
        self.responses = responses
        logID = request.logID
        epoch = coordinator.epoch
        pace = LaggardPace(commits: coordinator.hub.version, at: .now)
        cursor = SubscriberCursor(
            subscriber: subscriber, after: request.after, purged: request.purged)
    }

    /// Runs until cancelled or until the subscriber or this Region is no longer part of the log.
    mutating func run() async throws {
        while true {
            let version = coordinator.hub.version
            let state = coordinator.engine.state
            guard state.identity?.logID == logID else {
                throw LogError(.regionNotEnabled, "The Region has left the instance.")
            }
            guard coordinator.isMember(cursor.subscriber) else {
                throw RPCError.notMember(cursor.subscriber)
            }
            for stream in cursor.streams(state) { try await sendNews(of: stream) }
            // The subscriber asks again, for what this Region writes in the new reign.
            guard state.identity?.epoch == epoch else { return }
            try await coordinator.hub.wait(past: version)
        }
    }

    private mutating func sendNews(of stream: StreamName) async throws {
        while true {
            let began = ContinuousClock.now
            let query = cursor.query(stream)
            let result: ReadResult
            var entries: [UInt8] = []
            if let recent = coordinator.hub.read(query) {
                result = recent
            } else {
                // As they were encoded from storage; the message is made without them.
                let read = try await coordinator.readEncoded(query)
                result = ReadResult(
                    entries: [], through: read.through, isAtHead: read.isAtHead,
                    compactedThrough: read.compactedThrough, purgedThrough: read.purgedThrough)
                entries = read.entries
            }
            let state = coordinator.engine.state
            if let message = cursor.message(stream, result, state) {
                var payload = try MessageCoding.encode(response(message))
                payload.writeBytes(entries)
                try await responses.write(encoded: payload)
            }
            if result.isAtHead { return }
            // Who is close behind is served from memory and at once.
            let head = state.position(of: stream).sequence
            guard head > result.through.sequence + UInt64(RecentEntries.entriesMax) else {
                continue
            }
            let now = ContinuousClock.now
            let pause = pace.pause(
                after: began.duration(to: now), commits: coordinator.hub.version, at: now)
            if pause > .zero { try await Task.sleep(for: pause) }
        }
    }

    private func response(_ message: StreamMessage) -> CoordinatorSubscribeResponse {
        .with {
            $0.stream = message.stream.text
            $0.entries = message.entries
            $0.through = message.through
            $0.head = message.head
            $0.entriesTotal = message.entriesTotal
            $0.sentAtUs = coordinator.now()
            $0.after.stream = message.stream.text
            $0.after.sequence = message.after
            $0.compactedThrough = message.compactedThrough
            $0.purgedThrough = message.purgedThrough
        }
    }
}
