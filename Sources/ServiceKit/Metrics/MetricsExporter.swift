import Foundation
package import Logging
package import NIOCore
import NIOHTTP1
import NIOPosix
package import RPC

/// Serves GET /metrics over plain HTTP. Meant for loopback or a private network.
package struct MetricsExporter: Sendable {
    private let service: ServiceName
    private let region: String
    private let server: RPCServer
    private let figures: @Sendable () async -> [ServiceFigure]
    private let logger: Logger

    /// - Parameter figures: the service's own.
    package init(
        service: ServiceName, region: String, server: RPCServer, logger: Logger,
        figures: @escaping @Sendable () async -> [ServiceFigure] = { [] }
    ) {
        self.service = service
        self.region = region
        self.server = server
        self.logger = logger
        self.figures = figures
    }

    /// Until cancelled. Throws `StartError` when it cannot listen.
    package func run(group: any EventLoopGroup, address: ServiceAddress) async throws {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        MetricsHandler { await self.text() })
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.bind(host: address.host, port: address.port).get()
        } catch {
            throw StartError(
                "Cannot listen on \(address) for metrics: \(error).",
                remedy: "Stop what uses the port, or change listen.metrics in the configuration.")
        }
        logger.info("metrics", metadata: ["address": "\(address)"])
        try await withTaskCancellationHandler {
            try await channel.closeFuture.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    func text() async -> String {
        var text = MetricsText()
        text.family("portolan_info", "gauge", "What this process is.")
        text.sample("portolan_info", [("service", service.rawValue), ("region", region)], 1)
        if let bytes = Self.residentBytes() {
            text.family("process_resident_memory_bytes", "gauge", "Resident memory.")
            text.sample("process_resident_memory_bytes", [], Double(bytes))
        }
        text.add(await server.metrics())
        for figure in await figures() {
            text.family(figure.name, figure.type, figure.help)
            for sample in figure.samples { text.sample(figure.name, sample.labels, sample.value) }
        }
        return text.text
    }

    /// From /proc/self/statm: pages, the second number.
    private static func residentBytes() -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
            return nil
        }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// Answers one request per connection.
private final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let text: @Sendable () async -> String
    private var isAnswering = false

    init(_ text: @escaping @Sendable () async -> String) { self.text = text }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data), !isAnswering else { return }
        isAnswering = true
        guard head.method == .GET, head.uri == "/metrics" else {
            return MetricsAnswer.send(.notFound, "Only GET /metrics is here.\n", context.channel)
        }
        let channel = context.channel
        let text = self.text
        Task { MetricsAnswer.send(.ok, await text(), channel) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

private enum MetricsAnswer {
    static func send(
        _ status: HTTPResponseStatus, _ text: String, _ channel: any Channel
    ) {
        let body = ByteBuffer(string: text)
        let headers: HTTPHeaders = [
            "content-type": "text/plain; version=0.0.4; charset=utf-8",
            "content-length": "\(body.readableBytes)", "connection": "close",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        channel.write(HTTPServerResponsePart.body(.byteBuffer(body)), promise: nil)
        channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}
