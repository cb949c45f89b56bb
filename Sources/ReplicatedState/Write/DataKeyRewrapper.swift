import Contracts
import Logging
import RPC

/// Wraps this Region's data keys anew when the instance names another KMS key.
///
/// That the log's data keys all name the new key is what completes a change of the key.
struct DataKeyRewrapper<State: DomainState>: Sendable {
    let writer: DomainWriter<State>

    private var replica: DomainReplica<State> { writer.replica }

    /// Returns only by throwing `CancellationError`.
    func run() async throws {
        var backoff = Backoff()
        while true {
            let snapshot = replica.instance.current
            do {
                if let snapshot { try await rewrap(snapshot) }
                backoff.reset()
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                replica.logger.warning(
                    "data keys could not be wrapped with the new KMS key",
                    metadata: ["domain": "\(writer.domain.name)", "error": "\(error)"])
                try await Task.sleep(for: backoff.next())
            }
            _ = try await replica.instance.changes.wait(until: .after(.seconds(1))) {
                [replica] in replica.instance.current != snapshot
            }
        }
    }

    private func rewrap(_ snapshot: InstanceSnapshot) async throws {
        let target = snapshot.instance.encryption.kmsKeyArn
        guard !target.isEmpty, replica.status.isOpen,
            writer.domain.scope == .regional
                || snapshot.instance.primaryRegion == replica.settings.region
        else { return }
        let stale = replica.ring.all(stream: writer.stream, domain: writer.domain.name)
            .filter { !KeyName.areSame($0.record.kmsKeyArn, target) }
        for held in stale {
            let record = try await replica.wrapper.rewrap(held.record, for: snapshot)
            guard KeyName.areSame(record.kmsKeyArn, target) else { return }
            try await writer.update(dataKey: record.dataKeyID) {
                $0.ciphertextBlob = record.ciphertextBlob
                $0.kmsKeyArn = record.kmsKeyArn
            }
        }
    }
}
