import Histogram
import NIOCore
import NIOPosix
import NIOSSL

/// Runs a raw load over several connections and adds the figures up.
enum RawRun {
    /// Without `seconds` it runs until the requests are answered. `requests` makes those of a
    /// connection by its number.
    static func measure(
        address: SocketAddress, tls: NIOSSLContext, plan: RawPlan, seconds: Int?,
        requests: @escaping @Sendable (Int) -> any RawRequests
    ) async throws -> Measurement {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: plan.threads)
        var plan = plan
        // A second to connect and warm up.
        plan.start = .now() + (seconds == nil ? .zero : .seconds(1))
        if let seconds { plan.end = plan.start + .seconds(Int64(seconds)) }
        var ends: [EventLoopFuture<RawFigures>] = []
        for connection in 0..<plan.connections {
            ends.append(
                try await connect(
                    address, tls, plan, group.next(), { requests(connection) }))
        }
        var sum = RawFigures()
        for end in ends { sum.merge(try await end.get()) }
        try await group.shutdownGracefully()
        let took = seconds.map(Double.init) ?? sum.seconds(since: plan.start)
        return Measurement(sum, seconds: took)
    }

    private static func connect(
        _ address: SocketAddress, _ tls: NIOSSLContext, _ plan: RawPlan, _ loop: any EventLoop,
        _ requests: @escaping @Sendable () -> any RawRequests
    ) async throws -> EventLoopFuture<RawFigures> {
        let done = loop.makePromise(of: Void.self)
        let channel = try await ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil)
                    try channel.pipeline.syncOperations.addHandler(handler)
                    try channel.pipeline.syncOperations.addHandler(
                        RawLoad(plan: plan, requests: requests(), done: done))
                }
            }
            .connect(to: address).get()
        return done.futureResult.flatMapThrowing {
            try channel.pipeline.syncOperations.handler(type: RawLoad.self).figures
        }
    }
}

extension RawFigures {
    mutating func merge(_ other: RawFigures) {
        for value in other.histogram.recordedValues() {
            histogram.record(value.value, count: value.count)
        }
        errors += other.errors
        firstError = firstError ?? other.firstError
        answers += other.answers
        requestBytes += other.requestBytes
        answerBytes += other.answerBytes
        ended = max(ended ?? .uptimeNanoseconds(0), other.ended ?? .uptimeNanoseconds(0))
    }

    func seconds(since start: NIODeadline) -> Double {
        ended.map { Double(($0 - start).nanoseconds) * 1e-9 } ?? 0
    }
}
