package import Contracts
import Foundation
import RPC
import ReplicatedState
import Synchronization

/// The log of an instance in memory, shared by the coordinators of all its Regions.
package final class FakeLog: Sendable {
    struct Contents {
        var logID = "log-1"
        var primary: String
        var epoch: UInt64 = 1
        var streams: [String: [LogEntry]] = [:]
        /// Sequence handed out last, by stream.
        var heads: [String: UInt64] = [:]
        var domainHeads: [String: UInt64] = [:]
        var answers: [String: CoordinatorAppendResponse] = [:]
        var events: [TrailEvent] = []
        var appends = 0
        /// Appends that are written but answered with UNAVAILABLE.
        var answersToLose = 0
        /// Appends that said which one they follow.
        var appendsBehind = 0
        /// Appends that are refused because storage fails.
        var appendsToFail = 0
    }

    let contents: Mutex<Contents>
    let changed = Signal()

    package init(primary: String) { contents = Mutex(Contents(primary: primary)) }

    /// Events of appends and of the trail, in order.
    package var events: [TrailEvent] { contents.withLock { $0.events } }

    /// Appends with records that were accepted.
    package var appends: Int { contents.withLock { $0.appends } }

    /// Appends that named the one before, which had got an answer by then.
    package var appendsBehind: Int { contents.withLock { $0.appendsBehind } }

    package func failAppends(_ count: Int) { contents.withLock { $0.appendsToFail = count } }

    package func entries(of stream: String) -> [LogEntry] {
        contents.withLock { $0.streams[stream] ?? [] }
    }

    /// Makes it another instance's log.
    package func rename(_ logID: String) { contents.withLock { $0.logID = logID } }

    package func loseAnswers(_ count: Int) { contents.withLock { $0.answersToLose = count } }

    /// Makes another Region the primary.
    package func promote(_ region: String) {
        contents.withLock {
            $0.primary = region
            $0.epoch += 1
        }
    }

    /// Changes what is stored, as a damaged disk or a hostile coordinator would.
    package func tamper(_ stream: String, _ change: (inout [LogEntry]) -> Void) {
        contents.withLock { change(&$0.streams[stream, default: []]) }
    }

    /// Moves heads back to what is there, as after a fork was dropped. Services have to be started anew.
    package func rewind(_ stream: String) {
        contents.withLock { contents in
            let entries = contents.streams[stream] ?? []
            contents.heads[stream] = entries.last?.sequence ?? 0
            for key in contents.domainHeads.keys where key.hasPrefix(stream + " ") {
                let domain = key.dropFirst(stream.count + 1)
                contents.domainHeads[key] = entries.last { $0.domain == domain }?.sequence ?? 0
            }
        }
    }

    /// Removes superseded entries, as compaction does.
    package func compact(_ stream: String) {
        tamper(stream) { entries in
            var last: [String: UInt64] = [:]
            for entry in entries { last[entry.key] = entry.sequence }
            entries.removeAll { last[$0.key] != $0.sequence }
        }
    }

    func record(_ events: [TrailEvent]) { contents.withLock { $0.events += events } }

    func append(_ request: CoordinatorAppendRequest, in region: String) throws
        -> CoordinatorAppendResponse
    {
        let (response, isLost) = try contents.withLock { contents in
            if let known = contents.answers[request.requestID] {
                guard contents.answersToLose > 0 else { return (known, false) }
                contents.answersToLose -= 1
                return (known, true)
            }
            if contents.appendsToFail > 0 {
                contents.appendsToFail -= 1
                throw RPCError(
                    .resourceExhausted, reason: "STORAGE_FULL", message: "No room is left.")
            }
            let response = try Self.append(request, in: region, to: &contents)
            contents.answers[request.requestID] = response
            let isLost = contents.answersToLose > 0
            if isLost { contents.answersToLose -= 1 }
            return (response, isLost)
        }
        changed.notify()
        if isLost {
            throw RPCError(.unavailable, reason: "CONNECTION_LOST", message: "The answer is lost.")
        }
        return response
    }

    private static func append(
        _ request: CoordinatorAppendRequest, in region: String, to contents: inout Contents
    ) throws -> CoordinatorAppendResponse {
        if request.scope == .control, region != contents.primary {
            throw RPCError(
                .failedPrecondition, reason: "NOT_PRIMARY", message: "Write in the primary.",
                metadata: ["primary-region": contents.primary, "primary-address": "p:1"])
        }
        let stream = request.scope == .control ? "control" : "region/\(region)"
        let domainKey = "\(stream) \(request.domain)"
        let head = contents.domainHeads[domainKey] ?? 0
        guard request.logID.isEmpty || request.logID == contents.logID else {
            throw RPCError(
                .aborted, reason: "DOMAIN_ADVANCED", message: "It was taken back.", metadata: [:])
        }
        var expected = request.expectedDomainSequence
        if !request.afterRequestID.isEmpty {
            guard let before = contents.answers[request.afterRequestID] else {
                throw RPCError(
                    .aborted, reason: "PREDECESSOR_UNKNOWN", message: "It is not there.",
                    metadata: ["domain-sequence": "\(head)"])
            }
            expected = before.position.sequence
            contents.appendsBehind += 1
        }
        guard head == expected || request.records.isEmpty else {
            throw RPCError(
                .aborted, reason: "DOMAIN_ADVANCED", message: "Others were quicker.",
                metadata: ["domain-sequence": "\(head)"])
        }
        contents.events += request.events
        var response = CoordinatorAppendResponse()
        guard !request.records.isEmpty else { return response }
        contents.appends += 1
        let first = (contents.heads[stream] ?? 0) + 1
        let last = first + UInt64(request.records.count) - 1
        for (index, record) in request.records.enumerated() {
            var entry = LogEntry()
            entry.stream = stream
            entry.sequence = first + UInt64(index)
            entry.epoch = contents.epoch
            entry.commit = last
            entry.domain = request.domain
            entry.key = record.key
            entry.version = record.version
            entry.tombstone = record.tombstone
            entry.value = record.value
            contents.streams[stream, default: []].append(entry)
        }
        contents.heads[stream] = last
        contents.domainHeads[domainKey] = last
        response.position.stream = stream
        response.position.epoch = contents.epoch
        response.position.sequence = last
        response.firstSequence = first
        return response
    }
}
