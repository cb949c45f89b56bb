import ArgumentParser
import Contracts
import RPC

/// The Regions and how far they are.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the Regions: role, state, position and lag.")

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.connected { session in
            let instance = try await session.instance.getInstance(
                CoordinatorGetInstanceRequest(), options: session.options)
            let status = try await session.instance.getReplicationStatus(
                CoordinatorGetReplicationStatusRequest(), options: session.options)
            if client.json { return try JSONOutput.print(status) }
            var facts = Facts()
            facts.add("Instance", instance.instance.instanceArn)
            facts.add("Name", instance.instance.name)
            facts.add("Primary", "\(instance.instance.primaryRegion) (epoch \(status.epoch))")
            if let progress = InstanceCommand.resealing(instance.instance.encryption) {
                facts.add("Sealing anew", progress)
            }
            facts.add("Asked", status.region)
            Console.print(facts.render() + "\n")
            Console.print(Self.table(instance, status).render(.output))
            let drift = await KeyDrift.warnings(instance.instance, session)
            let alarms = await BreakGlassCommand.alarms(session)
            for problem in Self.problems(status) + drift + alarms { Console.note(problem) }
        }
    }

    static func table(
        _ instance: CoordinatorGetInstanceResponse,
        _ status: CoordinatorGetReplicationStatusResponse
    ) -> Table {
        var table = Table(
            [
                .text("Region"), .text("Role"), .text("Status"), .text("Connected"),
                .text("Position"), .number("Behind"), .number("Lag"), .number("Clock"),
                .extra("Portal"),
            ], whenEmpty: "The instance has no Regions yet.")
        for region in instance.regions {
            let replica = status.replicas.first { $0.region == region.name }
            let isAsked = region.name == status.region
            table.add([
                region.name, region.primary ? "primary" : "additional",
                Format.name(region.status),
                isAsked ? "asked" : replica.map { Format.yesNo($0.connected) } ?? "-",
                position(
                    isAsked ? status.heads : replica?.applied ?? [],
                    isAsked ? region.name : status.region),
                isAsked ? "-" : replica.map { Format.count($0.entriesBehind) } ?? "-",
                isAsked ? "-" : replica.map { Format.duration(microseconds: $0.lagUs) } ?? "-",
                isAsked ? "-" : replica.map(clock) ?? "-",
                region.portalURL,
            ])
        }
        return table
    }

    /// The control stream's position, else that of the writer's own stream.
    private static func position(_ positions: [LogPosition], _ writer: String) -> String {
        let chosen =
            positions.first { $0.stream == "control" }
            ?? positions.first { $0.stream == "region/\(writer)" }
        return chosen.map(Format.position) ?? "-"
    }

    /// How far the other clock is ahead; "-" when it has not been measured.
    private static func clock(
        _ replica: CoordinatorGetReplicationStatusResponse.ReplicaStatus
    ) -> String {
        guard replica.roundTripUs >= 0 else { return "-" }
        let sign = replica.clockSkewUs < 0 ? "-" : "+"
        return sign + Format.duration(microseconds: abs(replica.clockSkewUs))
    }

    static func problems(_ status: CoordinatorGetReplicationStatusResponse) -> [String] {
        (status.fork.isEmpty ? [] : ["\(status.region): \(status.fork)"])
            + status.replicas.filter { !$0.problem.isEmpty }.map { "\($0.region): \($0.problem)" }
            + status.replicas.filter { !$0.trailProblem.isEmpty }.map {
                "ALARM: \($0.trailProblem)"
            }
    }
}
