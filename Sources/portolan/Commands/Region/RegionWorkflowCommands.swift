import ArgumentParser
import Contracts
import RPC

extension RegionCommand {
    /// How long a command waits for a workflow.
    struct Waiting: ParsableArguments {
        @Option(help: ArgumentHelp("Seconds to wait at most, 1 to 86400.", valueName: "seconds"))
        var waitTimeout = 3_600

        func validate() throws {
            guard (1...86_400).contains(waitTimeout) else {
                throw ValidationError("--wait-timeout must be within 1 to 86400.")
            }
        }

        var deadline: Deadline { .after(.seconds(waitTimeout)) }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replicate the instance to another Region.",
            discussion: "Every precondition is checked; what is missing is named with its remedy.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var waiting: Waiting
        @Argument(help: "The Region to add.") var name: String
        @Flag(help: "Return as soon as the copy has begun.") var noWait = false

        func run() async throws {
            try await client.connected { session in
                var request = CoordinatorAddRegionRequest()
                request.region = name
                let answer = try await session.instance.addRegion(
                    request, options: session.options)
                if noWait {
                    if client.json { return try JSONOutput.print(answer) }
                    return Console.print(
                        "\(name) is \(Format.name(answer.status)). Watch it: portolan region wait "
                            + name)
                }
                let end = try await RegionWatch.untilActive(
                    name, session, deadline: waiting.deadline)
                if client.json { return try JSONOutput.print(end) }
                Console.print("\(name) is ACTIVE. Its portal: \(end.region.portalURL)")
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take the instance's data out of an additional Region.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var waiting: Waiting
        @Argument(help: "The Region to remove.") var name: String
        @Flag(help: "Return as soon as the removal has begun.") var noWait = false
        @Flag(help: "The Region is gone for good: forget it without asking it to wipe its data.")
        var lost = false

        func run() async throws {
            try await client.connected { session in
                var request = CoordinatorRemoveRegionRequest()
                request.region = name
                request.lost = lost
                let answer = try await session.instance.removeRegion(
                    request, options: session.options)
                if noWait {
                    if client.json { return try JSONOutput.print(answer) }
                    return Console.print("\(name) is \(Format.name(answer.status)).")
                }
                try await RegionWatch.untilGone(name, session, deadline: waiting.deadline)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("\(name) is removed.")
            }
        }
    }

    struct Wait: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Wait until a Region is active, or gone when it is being removed.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var waiting: Waiting
        @Argument(help: "The Region.") var name: String

        func run() async throws {
            try await client.connected { session in
                let now = try await RegionWatch.describe(name, session)
                if now.region.status == .removing {
                    try await RegionWatch.untilGone(name, session, deadline: waiting.deadline)
                    return Console.print("\(name) is removed.")
                }
                let end = try await RegionWatch.untilActive(
                    name, session, deadline: waiting.deadline)
                if client.json { return try JSONOutput.print(end) }
                Console.print("\(name) is ACTIVE.")
            }
        }
    }
}

/// Follows a Region's workflow, drawing progress on standard error.
enum RegionWatch {
    private static let pause = Duration.milliseconds(200)
    /// A coordinator that restarts meanwhile is asked again for this long.
    private static let outageMax = Duration.seconds(60)

    static func describe(
        _ name: String, _ session: RegionSession
    ) async throws -> CoordinatorDescribeRegionResponse {
        var request = CoordinatorDescribeRegionRequest()
        request.region = name
        return try await session.instance.describeRegion(request, options: session.options)
    }

    /// Throws `CommandFailure` when the copy failed or time is up.
    static func untilActive(
        _ name: String, _ session: RegionSession, deadline: Deadline
    ) async throws -> CoordinatorDescribeRegionResponse {
        var bar = ProgressBar(.errors)
        defer { bar.finish() }
        var failure = ""
        while !deadline.hasPassed {
            guard let answer = try await look(name, session) else {
                throw CommandFailure(
                    "\(name) was not added.",
                    hint: failure.isEmpty
                        ? "See why in the trail: portolan trail list --event-name AddRegion."
                        : failure)
            }
            if answer.hasProgress { bar.show(name, answer.progress) }
            failure = answer.progress.failureReason
            if answer.region.status == .active { return answer }
            try await Task.sleep(for: pause)
        }
        throw CommandFailure(
            "\(name) is not active yet.", hint: "The copy goes on: portolan region wait \(name).")
    }

    static func untilGone(
        _ name: String, _ session: RegionSession, deadline: Deadline
    ) async throws {
        while !deadline.hasPassed {
            if try await look(name, session) == nil { return }
            try await Task.sleep(for: pause)
        }
        throw CommandFailure(
            "\(name) is not removed yet.",
            hint: "The removal goes on: portolan region wait \(name).")
    }

    /// The Region, nil when there is none. Waits out a coordinator that is away for a moment.
    private static func look(
        _ name: String, _ session: RegionSession
    ) async throws -> CoordinatorDescribeRegionResponse? {
        let patience = Deadline.after(outageMax)
        while true {
            do {
                return try await describe(name, session)
            } catch let error as RPCError where error.code == .notFound {
                return nil
            } catch let error as RPCError
                where error.code == .unavailable && !patience.hasPassed
            {
                try await Task.sleep(for: .seconds(1))
            }
        }
    }
}
