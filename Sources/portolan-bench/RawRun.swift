import Histogram
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// Runs the raw load over several connections and adds the figures up.
enum RawRun {
    static func measure(
        address: SocketAddress, tls: NIOSSLContext, wire: RawLoad.Wire, connections: Int,
        inFlight: Int, seconds: Int, threads: Int
    ) async throws -> Measurement {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let start = NIODeadline.now() + .seconds(1)
        let end = start + .seconds(Int64(seconds))
        var ends: [EventLoopFuture<(Histogram<UInt32>, Int)>] = []
        for _ in 0..<connections {
            let loop = group.next()
            let done = loop.makePromise(of: Void.self)
            let channel = try await ClientBootstrap(group: loop)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil)
                        try channel.pipeline.syncOperations.addHandler(handler)
                        try channel.pipeline.syncOperations.addHandler(
                            RawLoad(
                                wire: wire, inFlight: inFlight, start: start, end: end, done: done))
                    }
                }
                .connect(to: address).get()
            ends.append(
                done.futureResult.flatMapThrowing {
                    let load = try channel.pipeline.syncOperations.handler(type: RawLoad.self)
                    return (load.histogram, load.errors)
                })
        }
        var sum = Measurement.histogram()
        var errors = 0
        for end in ends {
            let (histogram, failed) = try await end.get()
            for value in histogram.recordedValues() {
                sum.record(value.value, count: value.count)
            }
            errors += failed
        }
        try await group.shutdownGracefully()
        return Measurement(histogram: sum, errors: errors, seconds: Double(seconds))
    }
}
