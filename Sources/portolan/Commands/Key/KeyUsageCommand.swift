import ArgumentParser
import Contracts
import SwiftProtobuf

extension KeyCommand {
    struct Usage: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Report the requests per month, key, Region, principal and operation.",
            discussion: "Requests are what keys cost: with --all-regions the report has every "
                + "Region of the context, and --summary adds up to one line per key and Region.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Key ID, ARN or alias. Default: all keys.") var key: String?
        @Option(help: ArgumentHelp("A month, 2026-11. Default: all.", valueName: "month"))
        var month = ""
        @Flag(help: "Ask every Region of the context.") var allRegions = false
        @Flag(help: "One line per month, key and Region.") var summary = false

        func run() async throws {
            try await client.connected { session in
                var answer = KeysGetUsageResponse()
                for region in regions(session) {
                    answer.usage += try await usage(session.other(region))
                }
                if summary { answer.usage = Self.summed(answer.usage) }
                if client.json { return try JSONOutput.print(answer) }
                var table = Table(
                    [
                        .text("Month"), .text("Region"), .wide("Key ID"), .wide("Principal"),
                        .text("Operation"), .number("Requests"), .number("Refused"),
                    ], whenEmpty: "No requests.")
                for usage in answer.usage {
                    table.add([
                        usage.month, usage.region, usage.keyID,
                        usage.principal.isEmpty ? "all" : usage.principal,
                        usage.operation.isEmpty ? "all" : usage.operation,
                        Format.count(usage.requests), Format.count(usage.refused),
                    ])
                }
                Console.print(table.render(.output))
                let total = answer.usage.reduce(0) { $0 + $1.requests }
                if answer.usage.count > 1 { Console.note("\(Format.count(total)) requests.") }
            }
        }

        private func regions(_ session: RegionSession) -> [String] {
            allRegions ? session.context.regions.keys.sorted() : [session.region]
        }

        private func usage(
            _ session: RegionSession
        ) async throws -> [KeysGetUsageResponse.Usage] {
            var request = KeysGetUsageRequest()
            if let key { request.keyID = try await KeyLookup.id(key, session) }
            request.month = month
            return try await session.keys.getUsage(request, options: session.options).usage
        }

        /// One entry for each month, Region and key.
        static func summed(
            _ usage: [KeysGetUsageResponse.Usage]
        ) -> [KeysGetUsageResponse.Usage] {
            struct Line: Hashable { let month, region, keyID: String }
            var sums: [Line: KeysGetUsageResponse.Usage] = [:]
            for entry in usage {
                let line = Line(month: entry.month, region: entry.region, keyID: entry.keyID)
                var sum =
                    sums[line]
                    ?? .with {
                        $0.month = entry.month
                        $0.region = entry.region
                        $0.keyID = entry.keyID
                    }
                sum.requests += entry.requests
                sum.refused += entry.refused
                sums[line] = sum
            }
            return sums.values.sorted {
                ($0.month, $0.region, $0.keyID) < ($1.month, $1.region, $1.keyID)
            }
        }
    }
}
