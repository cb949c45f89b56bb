import Contracts
import NIOCore
import RPC
import ReplicationLog
import SwiftProtobuf

/// One call of Tail: where it stands in each stream, and what it has said.
struct TailSession {
    private let coordinator: Coordinator
    private let request: CoordinatorTailRequest
    private let responses: ResponseWriter<CoordinatorTailResponse>
    private let domains: Set<String>
    private let entriesMax: Int
    private static let entriesLimit = 2_000

    private var places: [StreamName: ReadingPlace] = [:]
    /// Names the log and its incarnation here: positions of another one mean nothing.
    private var logID = ""

    init(
        _ coordinator: Coordinator, _ request: CoordinatorTailRequest,
        _ responses: ResponseWriter<CoordinatorTailResponse>
    ) {
        self.coordinator = coordinator
        self.request = request
        self.responses = responses
        self.domains = Set(request.domains)
        let wish = request.entriesMax == 0 ? Self.entriesLimit : Int(request.entriesMax)
        self.entriesMax = min(wish, Self.entriesLimit)
    }

    /// Runs until cancelled, until the log is left, or until all has been sent if it does not
    /// follow.
    mutating func run() async throws {
        try await begin()
        var isCaughtUp = false
        while true {
            let version = coordinator.hub.version
            guard coordinator.engine.state.identity?.readingID == logID else {
                return try await reset("The Region has left the instance, or copies again.")
            }
            do {
                guard try await sendNews() else { continue }
            } catch let error as LogError
                where error.code == .logMismatch || error.code == .positionExpired
            {
                return try await reset(error.message)
            }
            if !isCaughtUp, isWhole || !request.follow {
                isCaughtUp = true
                try await responses.write(.with { $0.caughtUp = .init() })
                guard request.follow else { return }
            }
            try await coordinator.hub.wait(past: version)
        }
    }

    /// Whether the Region holds all that it once held: what it dropped to copy it again has come back,
    /// but for the streams of Regions that have left. Before, a revocation might be missing.
    private var isWhole: Bool {
        let state = coordinator.engine.state
        return state.identity?.missing.keys.allSatisfy { stream in
            state.gate.writer(of: stream).map { !coordinator.isMember($0) } ?? true
        } ?? true
    }

    /// Waits for an instance, takes over the caller's positions if they are good, says Start.
    private mutating func begin() async throws {
        let state = try await stateWithInstance()
        logID = state.identity?.readingID ?? ""
        var mustReset = !request.logID.isEmpty && request.logID != logID
        for position in request.after where !mustReset && request.logID == logID {
            guard let name = StreamName(position.stream) else {
                throw RPCError(
                    .invalidArgument, reason: "INVALID_POSITION",
                    message: "A position names no stream.")
            }
            let held = state.streams[name]
            let isGood =
                position.sequence == 0
                || (position.sequence <= held?.head ?? 0
                    && position.sequence >= held?.purgedThrough ?? 0)
            if !isGood { mustReset = true }
            places[name] = ReadingPlace(after: position.sequence)
        }
        if mustReset { places = [:] }
        let total = entriesToSend(state)
        let instanceARN = coordinator.instance.instance?.instanceArn ?? ""
        try await responses.write(
            .with {
                $0.start.logID = logID
                $0.start.reset = mustReset
                $0.start.entriesTotal = total
                $0.start.instanceArn = instanceARN
            })
    }

    private func stateWithInstance() async throws -> LogState {
        while true {
            let version = coordinator.hub.version
            let state = coordinator.engine.state
            if state.identity != nil { return state }
            guard request.follow else {
                throw LogError(
                    .regionNotEnabled, "The Region \(coordinator.region) holds no instance.")
            }
            try await coordinator.hub.wait(past: version)
        }
    }

    /// Live keys for streams that are sent whole, what lies between for others.
    private func entriesToSend(_ state: LogState) -> UInt64 {
        state.streams.values.reduce(0) { total, stream in
            let after = places[stream.name]?.after ?? 0
            let wanted = stream.domains.filter { domains.contains($0.key) }.values
            guard wanted.contains(where: { $0.lastSequence > after }) else { return total }
            let live = wanted.reduce(0) { $0 + $1.digest.liveKeys }
            return total + (after == 0 ? live : min(live, stream.head - after))
        }
    }

    /// Brings every stream to its head; false when what was read before has been taken back.
    private mutating func sendNews() async throws -> Bool {
        let names = coordinator.engine.state.streams.keys.sorted { $0.text < $1.text }
        for name in names {
            while true {
                let query = ReadQuery(
                    stream: name, from: places[name] ?? ReadingPlace(), domains: domains,
                    entriesMax: entriesMax)
                guard let isAtHead = try await sendBatch(query) else { return false }
                if isAtHead { break }
            }
        }
        return true
    }

    /// Sends what comes next in a stream: from memory, or as it was read from disk. Returns whether
    /// that was all; nil when what was read before has been taken back.
    private mutating func sendBatch(_ query: ReadQuery) async throws -> Bool? {
        var response: ByteBuffer?
        let (through, isAtHead, purged): (LogPosition, Bool, UInt64)
        if let recent = coordinator.hub.read(query, in: logID) {
            (through, isAtHead, purged) = (recent.through, recent.isAtHead, recent.purgedThrough)
            if through.sequence > query.after {
                response = try MessageCoding.encode(
                    CoordinatorTailResponse.with {
                        $0.batch.stream = query.stream.text
                        $0.batch.after = query.after
                        $0.batch.entries = recent.entries
                        $0.batch.through = through
                    })
            }
        } else {
            let read = try await coordinator.readEncoded(query)
            (through, isAtHead, purged) = (read.through, read.isAtHead, read.purgedThrough)
            if through.sequence > query.after {
                response = try Self.response(read, query)
            }
        }
        guard coordinator.engine.state.identity?.readingID == logID else { return nil }
        if let response {
            places[query.stream, default: ReadingPlace()].advance(
                to: through.sequence, purged: purged)
            try await responses.write(encoded: response)
        }
        return isAtHead
    }

    /// The encoding of a response with a batch: the entries are elements of its field 2 already.
    private static func response(
        _ read: EncodedRead, _ query: ReadQuery
    ) throws -> ByteBuffer {
        let rest: [UInt8] = try CoordinatorTailResponse.Batch.with {
            $0.stream = query.stream.text
            $0.after = query.after
            $0.through = read.through
        }.serializedBytes()
        let head = BatchHead(count: read.entries.count + rest.count)
        var response = ByteBuffer()
        response.reserveCapacity(read.entries.count + rest.count + head.bytes.count)
        response.writeBytes(head.bytes)
        response.writeBytes(read.entries)
        response.writeBytes(rest)
        return response
    }

    private func reset(_ reason: String) async throws {
        try await responses.write(.with { $0.reset.reason = reason })
    }
}

/// The beginning of field 2 of a message: a tag and the length of what follows.
private struct BatchHead {
    private(set) var bytes: [UInt8] = [0x12]

    init(count: Int) {
        var rest = count
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
