import Logging
import Contracts
import Foundation
import RPC
import ReplicationLog
import SwiftProtobuf

/// Watches over a change of the KMS key: done when every data key names the new one, failed when
/// that takes too long. Runs in the primary; a restart goes on with it.
struct EncryptionUpdate {
    let coordinator: Coordinator

    func run() async throws {
        var startedAt: ContinuousClock.Instant?
        while true {
            let version = coordinator.hub.version
            if let update = pending {
                let start = startedAt ?? .now
                startedAt = start
                try await step(update, since: start)
                // New entries or time decide; both are looked at again shortly.
                try await Task.sleep(for: .milliseconds(100))
            } else {
                startedAt = nil
                try await coordinator.hub.wait(past: version)
            }
        }
    }

    private var pending: CoordinatorEncryption? {
        guard coordinator.isPrimary, let instance = coordinator.instance.instance,
            instance.encryption.status == .updating
        else { return nil }
        return instance.encryption
    }

    private func step(
        _ update: CoordinatorEncryption, since start: ContinuousClock.Instant
    ) async throws {
        let missing = coordinator.dataKeys.domains(
            notWrappedBy: update.kmsKeyArn, in: coordinator.sealedStreams)
        do {
            if missing.isEmpty {
                try await finish(
                    .with {
                        $0 = update
                        $0.status = .enabled
                        $0.statusReason = ""
                        // Existing records are now sealed anew.
                        $0.dataKeyGeneration += 1
                    })
            } else if start.duration(to: .now) > coordinator.settings.timings.encryptionUpdateMax {
                try await fail(missing)
            }
        } catch let error as LogError {
            coordinator.logger.warning(
                "the change of the KMS key could not be recorded", metadata: ["error": "\(error)"])
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// The key that was in force before stays in force.
    private func fail(_ missing: [String]) async throws {
        var previous = coordinator.instance.previousEncryption ?? CoordinatorEncryption()
        previous.status = .updateFailed
        previous.statusReason =
            "These could not be sealed under the new key in time: "
            + missing.joined(separator: ", ") + "."
        try await finish(previous)
    }

    private func finish(_ encryption: CoordinatorEncryption) async throws {
        var event = TrailEvent()
        event.eventName = "UpdateInstance"
        event.eventSource = AdministrativeCall.source
        event.eventType = "AwsServiceEvent"
        event.actor.type = "AWSService"
        event.actor.userName = "coordinator.\(coordinator.region)"
        event.serviceEventDetailsJson =
            encryption.status == .enabled
            ? #"{"encryptionStatus":"ENABLED"}"# : #"{"encryptionStatus":"UPDATE_FAILED"}"#
        try await coordinator.changeInstance(events: [event]) { state in
            guard var instance = state.instance, instance.encryption.status == .updating else {
                return []
            }
            instance.encryption = encryption
            return [try .put(instance), .delete(InstanceKey.previousEncryption)]
        }
    }
}

extension Coordinator {
    /// The streams whose data keys belong to the instance. Those of Regions that have been removed
    /// wait for their return as they are.
    var sealedStreams: Set<String> {
        Set(instance.regions.keys.map { StreamName.regional($0).text } + [StreamName.control.text])
    }
}
