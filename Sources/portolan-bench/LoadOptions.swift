import ArgumentParser
import Contracts
import NIOCore
import RPC
import SwiftProtobuf

/// How much is asked, and how fast.
struct LoadOptions: ParsableArguments {
    @Option var connections = 4
    @Option(help: "Calls under way on each connection.") var inFlight = 32
    @Option(help: "Measured, after a second to warm up.") var seconds = 5
    @Option(help: "Event loops of the load generator.") var threads = 2
    @Option(help: "Calls a second over all connections; 0: as fast as answers come.") var rate = 0.0
    @Option(help: "Microseconds between two looks at what is due, at a rate.") var tick = 200

    var plan: RawPlan {
        var plan = RawPlan()
        plan.connections = connections
        plan.inFlight = inFlight
        plan.ratePerConnection = rate / Double(connections)
        plan.threads = threads
        plan.tick = .microseconds(Int64(tick))
        return plan
    }

    /// Asks `bodies` in turn, each connection from another place on.
    func measure(_ target: Target, _ service: String, _ bodies: [[UInt8]]) async throws {
        let connections = connections
        try await RawRun.measure(
            address: target.address(of: service), tls: target.tlsContext(alpn: "portolan-rpc/1"),
            plan: plan, seconds: seconds
        ) { connection in
            let first = bodies.count / connections * connection
            return NativeRequests { bodies[(first + $0) % bodies.count] }
        }.report()
    }
}
