import Contracts
import Foundation
import ReplicationLog

/// What happened, seen from outside, and what must not have.
package struct History {
    /// A write that was acknowledged to a client.
    struct Acknowledged {
        let outcome: AppendOutcome
        let stream: StreamName
        let sequence: UInt64
        let key: String
        let version: UInt64
        let value: Data
        let isTombstone: Bool
    }

    struct Place: Hashable {
        let stream: String
        let epoch: UInt64
        let sequence: UInt64
    }

    struct Reign: Hashable {
        let stream: String
        let epoch: UInt64
    }

    private(set) var violations: [String] = []
    private(set) var acknowledged: [Acknowledged] = []
    private var acknowledgedPlaces: Set<Place> = []
    /// Requests that were answered in two ways, with both answers.
    private(set) var repeated: [String: (first: Acknowledged, second: Acknowledged)] = [:]
    private var firsts: [String: Acknowledged] = [:]
    private(set) var outcomes: [String: AppendOutcome] = [:]
    /// The newest deletion of each key.
    private var deletions: [String: UInt64] = [:]
    private var checksums: [Place: UInt64] = [:]
    private var writers: [Reign: String] = [:]
    /// Places that a forced promotion left behind, as their former primary reported them.
    private var reportedLost: Set<Place> = []
    /// The same by stream, epoch and key: the highest sequence.
    private var reportedKeys: [String: UInt64] = [:]
    /// Sessions whose revocation was acknowledged, and where that stands.
    private(set) var revoked: [String: LogPosition] = [:]
    /// Sessions that a Region's service has once called revoked.
    private var seenRevoked: [String: Set<String>] = [:]

    mutating func violation(_ text: String) {
        if violations.count < 20 { violations.append(text) }
    }

    // MARK: - One writer

    /// Entries that a Region has made durable as their writer.
    mutating func written(_ entries: [LogEntry], by region: String) {
        for entry in entries {
            let reign = Reign(stream: entry.stream, epoch: entry.epoch)
            let owner = entry.stream == "control" ? nil : StreamName(entry.stream)?.region
            let writer = writers[reign] ?? owner ?? region
            writers[reign] = writer
            if writer != region {
                violation(
                    "one writer: \(region) wrote \(entry.stream) in epoch \(entry.epoch), which "
                        + "\(writer) writes")
            }
            held(entry, by: region)
        }
    }

    /// An entry that a Region holds: the same place means the same entry everywhere.
    mutating func held(_ entry: LogEntry, by region: String) {
        if entry.tombstone {
            let deletion = "\(entry.stream)/\(entry.key)"
            deletions[deletion] = max(deletions[deletion] ?? 0, entry.sequence)
        }
        let place = Place(stream: entry.stream, epoch: entry.epoch, sequence: entry.sequence)
        guard let known = checksums[place] else {
            checksums[place] = entry.checksum
            return
        }
        if known != entry.checksum {
            violation(
                "one writer: \(region) holds another entry at \(entry.stream) "
                    + "\(entry.epoch)/\(entry.sequence)")
        }
    }

    /// Whether a key was deleted there or later.
    func isDeleted(_ key: String, in stream: StreamName, from sequence: UInt64) -> Bool {
        deletions["\(stream)/\(key)"] ?? 0 >= sequence
    }

    // MARK: - Acknowledged writes

    /// A write of a request that was answered; a repeat has to be answered like the first time.
    mutating func acknowledge(_ write: Acknowledged, request: String, isFirst: Bool) {
        if isFirst {
            if let first = outcomes[request] {
                if first != write.outcome {
                    repeated[request] = firsts[request].map { ($0, write) }
                }
                return
            }
            outcomes[request] = write.outcome
            firsts[request] = write
        }
        let place = Place(
            stream: write.stream.text, epoch: write.outcome.position.epoch,
            sequence: write.sequence)
        if acknowledgedPlaces.insert(place).inserted { acknowledged.append(write) }
    }

    mutating func lost(_ entries: [LogEntry]) {
        for entry in entries {
            reportedLost.insert(
                Place(stream: entry.stream, epoch: entry.epoch, sequence: entry.sequence))
            let key = "\(entry.stream)/\(entry.epoch)/\(entry.key)"
            reportedKeys[key] = max(reportedKeys[key] ?? 0, entry.sequence)
        }
    }

    /// Whether an entry was reported, or what replaced it in the same reign: the log keeps the newest
    /// of a key, and so does the report.
    func isReportedLost(
        _ stream: StreamName, _ epoch: UInt64, _ sequence: UInt64, key: String
    ) -> Bool {
        reportedLost.contains(Place(stream: stream.text, epoch: epoch, sequence: sequence))
            || reportedKeys["\(stream)/\(epoch)/\(key)"] ?? 0 > sequence
    }

    // MARK: - Revocations

    mutating func revoke(_ session: String, at position: LogPosition) {
        revoked[session] = position
    }

    /// A service's answer about a session.
    mutating func asked(_ session: String, isRevoked: Bool, in region: String, mustKnow: Bool) {
        if isRevoked {
            seenRevoked[region, default: []].insert(session)
        } else if seenRevoked[region]?.contains(session) ?? false {
            violation("revocation: \(region) took back that \(session) is revoked")
        } else if mustKnow {
            violation("revocation: \(region) does not know that \(session) is revoked")
        }
    }
}
