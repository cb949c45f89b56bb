import ArgumentParser
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// HTTP/1.1 requests over TLS, one after the other on each of several connections.
struct HTTPSCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "https", abstract: "Requests to a portal: a path, or a file of bodies.")

    @Option(help: "https://host:port; the connection goes to 127.0.0.1.") var portal: String
    @Option(help: "PEM file of the certificates to trust.") var trust: String
    @Option var method = "GET"
    @Option var path: String
    @Option(name: .customLong("header"), help: "Name: value; may be repeated.")
    var headerLines: [String] = []
    @Option(help: "Bodies, one a line, each sent once.") var bodies: String?
    @Option(help: "A file with one value a line for {} in the headers, taken in turn.")
    var values: String?
    @Option(help: "The status that means success.") var expect = 200
    @Option var connections = 64
    @Option var threads = 2
    @Option var seconds = 5

    func run() async throws {
        guard let url = URL(string: portal), let host = url.host, let port = url.port else {
            throw ValidationError("--portal is https://host:port.")
        }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(trust))
        tls.applicationProtocols = ["http/1.1"]
        let context = try NIOSSLContext(configuration: tls)
        let plan = HTTPSLoad.Plan(
            method: HTTPMethod(rawValue: method), path: path, host: "\(host):\(port)",
            headers: try headers(), bodies: try lines(bodies), values: try lines(values),
            expect: expect, connections: connections)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let clock = HTTPSLoad.Clock(seconds: seconds, runsOut: bodies != nil)
        var ends: [EventLoopFuture<RawFigures>] = []
        for connection in 0..<connections {
            let loop = group.next()
            let done = loop.makePromise(of: RawFigures.self)
            _ = try await ClientBootstrap(group: loop)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: host))
                        try pipeline.addHTTPClientHandlers()
                        try pipeline.addHandler(HTTPSLoad(plan, clock, connection, done))
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
            ends.append(done.futureResult)
        }
        var sum = RawFigures()
        for end in ends { sum.merge(try await end.get()) }
        try await group.shutdownGracefully()
        let took = clock.runsOut ? sum.seconds(since: clock.start) : Double(seconds)
        try Measurement(sum, seconds: took).report()
    }

    private func headers() throws -> [(String, String)] {
        try headerLines.map { line in
            guard let colon = line.firstIndex(of: ":") else {
                throw ValidationError("A header is Name: value.")
            }
            return (
                String(line[..<colon]),
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            )
        }
    }

    private func lines(_ path: String?) throws -> [String] {
        guard let path else { return [] }
        return try String(contentsOfFile: path, encoding: .utf8)
            .split(separator: "\n").map(String.init)
    }
}
