package import Contracts
import Foundation
import RPC
import SwiftProtobuf

/// A record of an export, opened.
package struct OpenedRecord: Sendable {
    package let record: StateUnreplicatedRecord
    /// Nil for a tombstone, and when it could not be opened.
    package let value: [UInt8]?
    /// Why it could not be opened; empty when it was.
    package let problem: String

    /// The outcome before anything has been decided.
    package func outcome(
        _ result: StateReapplyOutcome.Result, _ subject: String = "", _ explanation: String = ""
    ) -> StateReapplyOutcome {
        .with {
            $0.domain = record.domain
            $0.key = record.key
            $0.result = result
            $0.subject = subject
            $0.explanation = explanation
        }
    }

    /// The key has a newer state than the one that the paths had in common.
    package func conflict(_ subject: String) -> StateReapplyOutcome {
        outcome(.conflict, subject, "It has been changed since; the newer state stays.")
    }
}

extension DomainReplica {
    /// Most records of one call.
    package static var unreplicatedMax: Int { 1_000 }

    /// Opens records of this service that an export holds. Data keys among them are used and left out.
    ///
    /// Throws: the replica's status error; INVALID_ARGUMENT.
    package func open(_ records: [StateUnreplicatedRecord]) async throws -> [OpenedRecord] {
        guard let snapshot = instance.current, status.isOpen else {
            throw status.error
                ?? RPCError(
                    .failedPrecondition, reason: "REGION_NOT_ENABLED",
                    message: "This Region holds no instance.")
        }
        let domains = Set(settings.domains.filter { $0.scope == .control }.map(\.name))
        guard records.count <= Self.unreplicatedMax,
            records.allSatisfy({ domains.contains($0.domain) })
        else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_RECORDS",
                message: "At most \(Self.unreplicatedMax) records of the service's own domain.")
        }
        var keys: [String: SealingKey] = [:]
        for record in records where record.key.hasPrefix(HeldDataKey.keyPrefix) && !record.tombstone
        {
            guard let dataKey = try? StateDataKeyRecord(serializedBytes: record.value),
                !ring.holds(dataKey.dataKeyID)
            else { continue }
            keys[dataKey.dataKeyID] = try await wrapper.open(dataKey, for: snapshot)
        }
        return records.filter { !$0.key.hasPrefix(HeldDataKey.keyPrefix) }
            .map { open($0, snapshot, keys) }
    }

    private func open(
        _ record: StateUnreplicatedRecord, _ snapshot: InstanceSnapshot,
        _ keys: [String: SealingKey]
    ) -> OpenedRecord {
        guard !record.tombstone else {
            return OpenedRecord(record: record, value: nil, problem: "")
        }
        do {
            let place = RecordSealer.Place(
                instanceARN: snapshot.instance.instanceArn, domain: record.domain, key: record.key,
                version: record.version)
            let value = try RecordSealer.open(record.value, at: place) {
                self.ring.key($0) ?? keys[$0]
            }
            return OpenedRecord(record: record, value: value, problem: "")
        } catch {
            return OpenedRecord(
                record: record, value: nil,
                problem: "It cannot be opened: its data key is not here, or it was altered.")
        }
    }

    /// Refuses outside the primary, as any control write does.
    ///
    /// Throws: NOT_PRIMARY with the primary's whereabouts.
    package func requirePrimary() async throws {
        guard let snapshot = instance.current,
            snapshot.instance.primaryRegion != settings.region,
            let domain = settings.domains.first(where: { $0.scope == .control })
        else { return }
        var request = CoordinatorAppendRequest()
        request.scope = .control
        request.domain = domain.name
        request.requestID = UUID().uuidString.lowercased()
        do {
            _ = try await clients.log.append(request)
        } catch let error as RPCError where error.reason == "DOMAIN_ADVANCED" {
            // This Region has become the primary by now.
        }
    }
}
