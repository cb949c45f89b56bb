package import Contracts
package import RPC
import ReplicatedState
import SwiftProtobuf
import Synchronization

/// The coordinator of one Region over a shared log.
package final class FakeCoordinator: Sendable {
    private struct Settings {
        var instance: CoordinatorInstance?
        var instanceChanges = 0
        var reigns: [LogReign] = []
        var isDelivering = true
        /// Counts the times that all tails were cut.
        var cuts = 0
        /// Batches with entries that are on their way and do not come.
        var batchesToLose = 0
        /// How long an append is on its way.
        var appendDelay = Duration.zero
    }

    package let region: String
    package let log: FakeLog
    private let settings: Mutex<Settings>
    private let changed = Signal()

    package init(region: String, log: FakeLog, instance: CoordinatorInstance?) {
        self.region = region
        self.log = log
        settings = Mutex(Settings(instance: instance))
    }

    /// Whether entries reach this Region's services.
    package func deliver(_ isDelivering: Bool) {
        settings.withLock { $0.isDelivering = isDelivering }
        log.changed.notify()
    }

    /// Changes the instance as this Region sees it; nil takes it away.
    package func setInstance(_ instance: CoordinatorInstance?) {
        settings.withLock {
            $0.instance = instance
            $0.instanceChanges += 1
        }
        changed.notify()
    }

    /// Tells the services who has written the control stream, and from where on.
    package func tell(reigns: [LogReign]) {
        settings.withLock {
            $0.reigns = reigns
            $0.instanceChanges += 1
        }
        changed.notify()
    }

    /// Lets appends take a while, as a disk does.
    package func delayAppends(_ delay: Duration) { settings.withLock { $0.appendDelay = delay } }

    /// Tails leave out the next batches, as no coordinator should.
    package func loseBatches(_ count: Int) { settings.withLock { $0.batchesToLose = count } }

    /// Ends all tails, as a restart of the coordinator does.
    package func cutTails() {
        settings.withLock { $0.cuts += 1 }
        log.changed.notify()
    }

    package var methods: MethodTable {
        var table = MethodTable()
        table.register(
            CoordinatorLogMethods.append,
            .unary { [self] payload, _ in
                let request = try MessageCoding.decode(CoordinatorAppendRequest.self, from: payload)
                return try await MessageCoding.encode(append(request))
            })
        table.register(
            CoordinatorLogMethods.tail,
            .serverStreaming { [self] payload, _, writer in
                let request = try MessageCoding.decode(CoordinatorTailRequest.self, from: payload)
                try await tail(request, ResponseWriter(writer))
            })
        table.register(
            CoordinatorInstanceAdministrationMethods.watchInstance,
            .serverStreaming { [self] _, _, writer in try await watch(ResponseWriter(writer)) })
        table.register(
            TrailMethods.record,
            .unary { [self] payload, _ in
                log.record(try MessageCoding.decode(TrailRecordRequest.self, from: payload).events)
                return try MessageCoding.encode(TrailRecordResponse())
            })
        return table
    }

    /// Appends that are under way together overtake each other.
    private func append(
        _ request: CoordinatorAppendRequest
    ) async throws -> CoordinatorAppendResponse {
        let delay = settings.withLock { $0.appendDelay }
        try await Task.sleep(for: delay * Double.random(in: 0.5...1.5))
        let end = ContinuousClock.now + .milliseconds(30)
        while true {
            do {
                return try log.append(request, in: region)
            } catch let error as RPCError where error.reason == "PREDECESSOR_UNKNOWN" {
                guard .now < end else { throw error }
                try await Task.sleep(for: .milliseconds(1))
            }
        }
    }

    private func watch(
        _ responses: ResponseWriter<CoordinatorGetInstanceResponse>
    ) async throws {
        while true {
            let (instance, changes, reigns) = settings.withLock {
                ($0.instance, $0.instanceChanges, $0.reigns)
            }
            var response = CoordinatorGetInstanceResponse()
            if let instance { response.instance = instance }
            response.region = region
            response.reigns = reigns
            (response.logID, response.epoch) = log.contents.withLock { ($0.logID, $0.epoch) }
            try await responses.write(response)
            _ = try await changed.wait(until: .never) { [self] in
                settings.withLock { $0.instanceChanges != changes }
            }
        }
    }

    private func tail(
        _ request: CoordinatorTailRequest, _ responses: ResponseWriter<CoordinatorTailResponse>
    ) async throws {
        let cuts = settings.withLock { $0.cuts }
        let logID = log.contents.withLock { $0.logID }
        var stand: [String: UInt64] = [:]
        if request.logID == logID {
            for position in request.after { stand[position.stream] = position.sequence }
        }
        var start = CoordinatorTailResponse()
        start.start.logID = logID
        start.start.reset = !request.logID.isEmpty && request.logID != logID
        try await responses.write(start)
        try await send(request.domains, &stand, responses)
        var caughtUp = CoordinatorTailResponse()
        caughtUp.caughtUp = CoordinatorTailResponse.CaughtUp()
        try await responses.write(caughtUp)
        while request.follow {
            let known = stand
            _ = try await log.changed.wait(until: .never) { [self] in
                let (isDelivering, isCut) = settings.withLock { ($0.isDelivering, $0.cuts != cuts) }
                return isCut
                    || isDelivering
                        && log.contents.withLock { $0.heads.contains { $1 > known[$0] ?? 0 } }
            }
            if settings.withLock({ $0.cuts != cuts }) {
                throw RPCError(.unavailable, reason: "GOING_AWAY", message: "Restarting.")
            }
            try await send(request.domains, &stand, responses)
        }
    }

    /// Everything after where the caller stands, a hundred entries or so at a time.
    private func send(
        _ domains: [String], _ stand: inout [String: UInt64],
        _ responses: ResponseWriter<CoordinatorTailResponse>
    ) async throws {
        let heads = log.contents.withLock { $0.heads }
        for (stream, head) in heads.sorted(by: { $0.key < $1.key })
        where head > stand[stream] ?? 0 {
            let entries = log.entries(of: stream).filter {
                $0.sequence > stand[stream] ?? 0 && $0.sequence <= head
                    && domains.contains($0.domain)
            }
            var rest = entries[...]
            var after = stand[stream] ?? 0
            repeat {
                var count = min(100, rest.count)
                while count > 0, count < rest.count,
                    rest[rest.startIndex + count].commit == rest[rest.startIndex + count - 1].commit
                { count += 1 }
                let part = rest.prefix(count)
                rest = rest.dropFirst(count)
                var message = CoordinatorTailResponse()
                message.batch.stream = stream
                message.batch.entries = Array(part)
                message.batch.through.stream = stream
                message.batch.through.epoch = log.contents.withLock { $0.epoch }
                message.batch.through.sequence = rest.isEmpty ? head : part.last?.sequence ?? head
                message.batch.after = after
                after = message.batch.through.sequence
                let isLost = settings.withLock { settings in
                    guard !part.isEmpty, settings.batchesToLose > 0 else { return false }
                    settings.batchesToLose -= 1
                    return true
                }
                if !isLost { try await responses.write(message) }
            } while !rest.isEmpty
            stand[stream] = head
        }
    }
}
