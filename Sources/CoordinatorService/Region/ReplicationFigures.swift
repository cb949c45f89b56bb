import Contracts
import ReplicationLog
import ServiceKit

extension Coordinator {
    /// Positions, lag and clocks for /metrics, as `GetReplicationStatus` says them.
    var figures: [ServiceFigure] {
        let status = replicationStatus()
        return [
            gauge(
                "portolan_replication_epoch", "The present reign as this Region knows it.",
                [sample([], Double(status.epoch))]),
            gauge(
                "portolan_replication_primary", "Whether this Region is the primary.",
                [sample([], status.primaryRegion == region ? 1 : 0)]),
            gauge(
                "portolan_replication_forked",
                "Whether this Region holds entries that are not part of the log.",
                [sample([], status.fork.isEmpty ? 0 : 1)]),
            gauge(
                "portolan_replication_position", "Sequence up to which a stream is held here.",
                status.heads.map { sample([("stream", $0.stream)], Double($0.sequence)) }),
            gauge(
                "portolan_replication_lag_seconds",
                "Age of a stream's last canary when it was applied here.",
                status.received.filter { $0.lagUs >= 0 }.map {
                    sample([("from", $0.region), ("stream", $0.stream)], seconds($0.lagUs))
                }),
        ] + figures(status.replicas) + resealingFigures
    }

    private var resealingFigures: [ServiceFigure] {
        guard let encryption = instance.instance?.encryption else { return [] }
        let parts = described(encryption).resealing.parts
        return [
            gauge(
                "portolan_reseal_records_left",
                "Records that are sealed under data keys of an earlier generation.",
                parts.map {
                    sample([("stream", $0.stream), ("domain", $0.domain)], Double($0.recordsLeft))
                })
        ]
    }

    private func figures(
        _ replicas: [CoordinatorGetReplicationStatusResponse.ReplicaStatus]
    ) -> [ServiceFigure] {
        let measured = replicas.filter { $0.roundTripUs >= 0 }
        return [
            gauge(
                "portolan_replica_connected", "Whether both directions are connected.",
                replicas.map { sample([("region", $0.region)], $0.connected ? 1 : 0) }),
            gauge(
                "portolan_replica_entries_behind",
                "Entries of this Region's streams that the other one has not acknowledged.",
                replicas.map { sample([("region", $0.region)], Double($0.entriesBehind)) }),
            gauge(
                "portolan_replica_clock_skew_seconds",
                "The other Region's clock minus this one's.",
                measured.map { sample([("region", $0.region)], seconds($0.clockSkewUs)) }),
            gauge(
                "portolan_replica_round_trip_seconds", "Of the last exchange of reigns.",
                measured.map { sample([("region", $0.region)], seconds($0.roundTripUs)) }),
            gauge(
                "portolan_trail_witnessed_seconds",
                "When the other Region's trail was signed as this Region last took it down.",
                replicas.filter { $0.trailWitnessedUs > 0 }.map {
                    sample([("region", $0.region)], seconds($0.trailWitnessedUs))
                }),
            gauge(
                "portolan_trail_problem", "Whether the other Region's trail is not to be believed.",
                replicas.map { sample([("region", $0.region)], $0.trailProblem.isEmpty ? 0 : 1) }),
            gauge(
                "portolan_replica_lag_seconds",
                "Age of a stream's last canary when the other Region applied it.",
                replicas.flatMap { replica in
                    replica.streams.filter { $0.lagUs >= 0 }.map {
                        sample(
                            [("region", replica.region), ("stream", $0.stream)], seconds($0.lagUs))
                    }
                }),
        ]
    }

    private func gauge(
        _ name: String, _ help: String, _ samples: [ServiceFigure.Sample]
    ) -> ServiceFigure {
        ServiceFigure(name: name, type: "gauge", help: help, samples: samples)
    }

    private func sample(
        _ labels: [(String, String)], _ value: Double
    ) -> ServiceFigure.Sample {
        ServiceFigure.Sample(labels: labels, value: value)
    }

    private func seconds(_ microseconds: Int64) -> Double { Double(microseconds) / 1_000_000 }
}
