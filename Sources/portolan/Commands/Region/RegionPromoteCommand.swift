import ArgumentParser
import Contracts
import RPC

extension RegionCommand {
    struct Promote: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make another Region the primary.",
            discussion: """
                Planned, the primary hands over: nothing that was acknowledged is lost. With --force \
                the Region takes the place of a primary that cannot be reached; what it had not \
                received is exported when the former primary returns.
                """)

        @OptionGroup var client: ClientOptions
        @Argument(help: "The Region that becomes the primary.") var name: String
        @Flag(help: "The primary cannot be reached: take its place without it.") var force = false
        @Flag(
            help: ArgumentHelp(
                "With --force: go on although a majority of the other Regions cannot be asked. "
                    + "Make sure that nobody promotes a Region there."))
        var acceptUnreachable = false
        @Flag(
            help: ArgumentHelp(
                "With --force: go on although another Region that answers has received more."))
        var acceptLoss = false

        func validate() throws {
            guard force || !(acceptUnreachable || acceptLoss) else {
                throw ValidationError("--accept-unreachable and --accept-loss go with --force.")
            }
        }

        func run() async throws {
            try await client.connected { session in
                var request = CoordinatorPromoteRegionRequest()
                request.region = name
                request.force = force
                request.acceptUnreachable = acceptUnreachable
                request.acceptLoss = acceptLoss
                // A forced promotion is decided in the Region itself.
                let session = force ? try session.other(name) : session
                let answer = try await session.instance.promoteRegion(
                    request, options: CallOptions(timeout: .seconds(max(client.timeout, 60))))
                if client.json { return try JSONOutput.print(answer) }
                Console.print(Self.summary(answer, isForced: force))
                for move in answer.keys where !move.moved {
                    Console.note(
                        "The primary role of the key \(move.keyID) stayed where it was: "
                            + move.problem)
                }
            }
        }

        static func summary(
            _ answer: CoordinatorPromoteRegionResponse, isForced: Bool
        ) -> String {
            var facts = Facts()
            facts.add("Primary", "\(answer.region) (epoch \(answer.epoch))")
            facts.add("Begins after", Format.position(answer.beginsAfter))
            if isForced {
                let known = answer.beginsAfter.sequence
                let heard = max(answer.lastHeard.sequence, known)
                facts.add("Former primary was heard of up to", Format.count(heard))
                facts.add(
                    "Known to be missing",
                    heard == known
                        ? "nothing; what was written unheard is exported when it returns"
                        : "\(Format.count(heard - known)) entries, exported when it returns")
                facts.add(
                    "Former primary silent for",
                    Format.duration(microseconds: answer.primarySilentUs))
            } else {
                facts.add("Writes waited", Format.duration(microseconds: answer.writeGapUs))
            }
            for region in answer.answers {
                facts.add(
                    "Asked \(region.region)",
                    (region.promised ? "promised" : "no promise: \(region.problem)")
                        + (region.control.sequence > 0
                            ? ", at \(Format.count(region.control.sequence))" : ""))
            }
            let moved = answer.keys.filter(\.moved).map(\.keyID)
            facts.add("Primary role of keys moved", moved.joined(separator: ", "))
            return facts.render()
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End the addition of a Region that is on its way.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The Region that is being added.") var name: String

        func run() async throws {
            try await client.connected { session in
                var request = CoordinatorCancelRegionRequest()
                request.region = name
                let answer = try await session.instance.cancelRegion(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("The addition of \(name) is being taken back.")
            }
        }
    }
}
