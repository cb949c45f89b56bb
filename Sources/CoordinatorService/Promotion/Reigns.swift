import Contracts
import Logging
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

extension ReignHistory {
    /// Reads what another Region says; nil unless it is a history.
    init?(_ reigns: [LogReign]) {
        self.init(
            reigns.prefix(Self.reignsMax + 1).map {
                Reign(
                    epoch: $0.epoch, primaryRegion: $0.primaryRegion, after: $0.afterSequence)
            })
    }

    var wire: [LogReign] { reigns.map(\.wire) }

    /// Where a reign begins: the last position of the one before.
    func beginning(of reign: Reign) -> LogPosition {
        .with {
            $0.stream = StreamName.control.text
            $0.sequence = reign.after
            $0.epoch = reigns.last { $0.epoch < reign.epoch }?.epoch ?? 0
        }
    }
}

extension Reign {
    var wire: LogReign {
        .with {
            $0.epoch = epoch
            $0.primaryRegion = primaryRegion
            $0.afterSequence = after
        }
    }
}

extension Coordinator {
    /// Regions that promises are asked of, besides the one that is primary now.
    func voters(besides primary: String) -> [String] {
        instance.regions.values.filter { $0.status == .active && $0.name != primary }
            .map(\.name).sorted()
    }

    /// Follows a history that prevails over the one held here. It is on disk when this returns, and a
    /// primary that has heard of a later one writes no more.
    ///
    /// Throws: `LogError` when it could not be written down.
    func follow(_ history: ReignHistory) async throws {
        guard let held = engine.state.identity, history.current.prevails(over: held.history.current)
        else { return }
        let after = try await engine.amend(
            events: trail.drafts([reignEvent(history.current, held)])
        ) { identity, state throws(LogError) in
            _ = identity.follow(history, head: state.position(of: .control).sequence)
        }
        guard after.history == history, held.history != history else { return }
        logger.notice(
            "a later primary is followed",
            metadata: [
                "epoch": "\(after.epoch)", "primary": "\(after.primaryRegion)",
                "forked-after": "\(after.forkedAfter.map(String.init) ?? "no")",
            ])
    }

    private func reignEvent(_ reign: Reign, _ held: LogIdentity) -> TrailEvent {
        let name =
            if reign.primaryRegion == region { "BecomePrimary" } else if held.isPrimary {
                "PrimaryFenced"
            } else { "FollowPrimary" }
        return serviceEvent(
            name,
            [
                "epoch": String(reign.epoch), "primaryRegion": reign.primaryRegion,
                "formerPrimaryRegion": held.primaryRegion,
                "afterSequence": String(reign.after),
            ])
    }

    /// An event of the coordinator itself.
    func serviceEvent(_ name: String, _ details: [String: any Sendable]) -> TrailEvent {
        TrailEvent(
            name: name, source: AdministrativeCall.source,
            actor: .with {
                $0.type = "AWSService"
                $0.userName = "coordinator.\(region)"
            }, type: "AwsServiceEvent", serviceDetails: details)
    }
}
