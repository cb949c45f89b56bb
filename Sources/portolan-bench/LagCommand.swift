import ArgumentParser
import Contracts
import Synchronization

/// How long after its acknowledgement a write can be read in another Region.
struct LagCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lag", abstract: "Write at a rate, and read some of it in another Region.")

    @OptionGroup var target: Target
    @Option(help: "The Region that is read.") var other: String
    @Option(help: "Writes a second.") var rate = 2_000.0
    @Option(help: "Of so many writes one is read elsewhere.") var every = 10
    @Option var callers = 256
    @Option var first = 10_000_000
    @Option var seconds = 10

    func run() async throws {
        let writer = DirectoryClient(try target.client("directory", connections: 4))
        let reader = DirectoryClient(try target.client("directory", in: other, connections: 2))
        let (first, every) = (first, every)
        let clock = ContinuousClock()
        let writes = Atomic(0)
        let began = clock.now
        let lag = await CallerPool.measure(callers: callers, seconds: seconds, rate: rate) {
            number in
            let written = try await writer.createUser(FillCommand.request(first + number))
            let acknowledged = clock.now
            writes.add(1, ordering: .relaxed)
            guard number % every == 0 else { return nil }
            var read = DirectoryGetUserRequest()
            read.userID = written.user.userID
            read.atLeast = written.position
            _ = try await reader.getUser(read)
            return clock.now - acknowledged
        }
        let perSecond = Double(writes.load(ordering: .relaxed)) / (clock.now - began).seconds
        print(
            #"{"writesPerSecond":\#(perSecond),"reads":\#(lag.calls),"errors":\#(lag.errors),"#
                + #""firstError":"\#(lag.firstError ?? "")","#
                + #""p50Microseconds":\#(lag.p50Microseconds),"#
                + #""p99Microseconds":\#(lag.p99Microseconds)}"#)
    }
}
