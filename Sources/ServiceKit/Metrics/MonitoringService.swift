import Contracts
import NIOCore
import RPC
import Synchronization

/// Tells operators what a server has counted. Made before the server, whose methods it is among.
final class MonitoringService: MonitoringHandler {
    /// The server holds its methods, and with them this and whatever the service has open.
    private struct Followed {
        weak var server: RPCServer?
    }

    private let followed = Mutex(Followed())
    private let process = String(UInt64.random(in: .min ... .max), radix: 36)

    func follow(_ server: RPCServer) { followed.withLock { $0.server = server } }

    func getFigures(
        _ request: MonitoringGetFiguresRequest, context: ServerContext
    ) async throws -> MonitoringGetFiguresResponse {
        guard let server = followed.withLock({ $0.server }) else {
            throw RPCError(
                .unavailable, reason: "NO_FIGURES", message: "The server has not started.")
        }
        return Self.answer(await server.metrics(), process: process)
    }

    static func answer(_ metrics: RPCMetrics, process: String) -> MonitoringGetFiguresResponse {
        var answer = MonitoringGetFiguresResponse()
        answer.takenAtUs = Int64(NIODeadline.now().uptimeNanoseconds / 1_000)
        answer.process = process
        answer.connections = UInt64(metrics.connections)
        answer.connectionsAccepted = metrics.connectionsAccepted
        answer.connectionsRefused = metrics.connectionsRefused
        answer.calls = metrics.calls.map { key, figures in
            var row = MonitoringCallFigures()
            row.method = key.method
            row.peer = "\(key.peer)"
            row.byStatus = figures.byStatus
            row.inFlight = UInt64(max(0, figures.inFlight))
            row.requestBytes = figures.requestBytes
            row.responseBytes = figures.responseBytes
            row.latencyBuckets = figures.latency.buckets
            row.latencySumNs = figures.latency.sumNanoseconds
            return row
        }
        return answer
    }
}
