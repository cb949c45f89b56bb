import ArgumentParser
import Contracts
import RPC

/// The instance's Regions.
struct RegionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "region", abstract: "Add, remove, compare and promote Regions.",
        subcommands: [
            List.self, Available.self, Add.self, Cancel.self, Remove.self, Show.self, Wait.self,
            Verify.self, Promote.self, Unreplicated.self, Reapply.self,
            Backup.self, Backups.self, Restore.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the instance's Regions.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.connected { session in
                let answer = try await session.instance.listRegions(
                    CoordinatorListRegionsRequest(), options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                var table = Table([
                    .text("Region"), .text("Role"), .text("Status"), .text("Added"),
                    .extra("Portal"),
                ])
                for region in answer.regions {
                    table.add([
                        region.name, region.primary ? "primary" : "additional",
                        Format.name(region.status), Format.time(region.addedAtUs),
                        region.portalURL,
                    ])
                }
                Console.print(table.render(.output))
            }
        }
    }

    struct Available: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the Regions that could be added, with what is still missing.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.connected { session in
                let answer = try await session.instance.listAvailableRegions(
                    CoordinatorListAvailableRegionsRequest(), options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                var table = Table([
                    .text("Region"), .text("Configured here"), .wide("Missing"),
                ])
                for region in answer.regions.filter(\.reachable)
                    + answer.regions.filter({ !$0.reachable })
                {
                    let missing = region.problems.map(\.code).joined(separator: ", ")
                    table.add([
                        region.name, Format.yesNo(region.reachable),
                        missing.isEmpty ? (region.reachable ? "nothing" : "an address") : missing,
                    ])
                }
                Console.print(table.render(.output))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a Region and the progress of its initial copy.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The Region.") var name: String

        func run() async throws {
            try await client.connected { session in
                let answer = try await RegionWatch.describe(name, session)
                if client.json { return try JSONOutput.print(answer) }
                var facts = Facts()
                facts.add("Region", answer.region.name)
                facts.add("Role", answer.region.primary ? "primary" : "additional")
                facts.add("Status", Format.name(answer.region.status))
                facts.add("Added", Format.time(answer.region.addedAtUs))
                facts.add("Portal", answer.region.portalURL)
                facts.add("Coordinator", answer.region.coordinatorAddress)
                if answer.progress.entriesTotal > 0 {
                    facts.add("Copied", ProgressBar.line("", answer.progress, width: 80))
                }
                facts.add("Last failure", answer.progress.failureReason)
                Console.print(facts.render())
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare the state of all Regions at equal positions.",
            discussion: "Exit code 1 when they differ or one could not be compared.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.connected { session in
                let answer = try await session.instance.verifyRegions(
                    CoordinatorVerifyRegionsRequest(), options: session.options)
                if client.json {
                    try JSONOutput.print(answer)
                } else {
                    Self.show(answer)
                }
                if !answer.equal { throw ExitCode(1) }
            }
        }

        private static func show(_ answer: CoordinatorVerifyRegionsResponse) {
            for region in answer.regions where !region.problem.isEmpty {
                Console.note("\(region.region): \(region.problem)")
            }
            guard !answer.equal else {
                return Console.print(
                    "Equal: \(answer.compared) digests of \(answer.regions.count) Regions agree.")
            }
            var table = Table(
                [.text("Region"), .text("Stream"), .text("Domain"), .wide("Difference")],
                whenEmpty: "Not every Region could be compared.")
            for difference in answer.differences {
                table.add([
                    difference.region, difference.stream, difference.domain,
                    difference.explanation,
                ])
            }
            Console.print(table.render(.output))
        }
    }
}
