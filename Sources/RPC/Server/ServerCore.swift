import Logging
import NIOCore
import Synchronization

/// What the connections of one server share.
final class ServerCore: Sendable {
    private struct Registry {
        var isStopping = false
        var channels: [ObjectIdentifier: any Channel] = [:]
        var connections: [ObjectIdentifier: ConnectionHandle] = [:]
        /// Figures of connections that have ended.
        var ended = RPCMetrics()
    }

    let index: MethodIndex
    let authorization: AuthorizationTable?
    let limits: ServerLimits
    let logger: Logger
    private let registry = Mutex(Registry())

    init(
        methods: MethodTable, authorization: AuthorizationTable?, limits: ServerLimits,
        logger: Logger
    ) {
        self.index = MethodIndex(methods)
        self.authorization = authorization
        self.limits = limits
        self.logger = logger
    }

    /// Whether one connection more may be served. It is forgotten when its channel closes.
    func admit(_ channel: any Channel) -> Bool {
        let id = ObjectIdentifier(channel)
        let isAdmitted = registry.withLock { registry in
            guard !registry.isStopping, registry.channels.count < limits.connectionsMax else {
                registry.ended.connectionsRefused += 1
                return false
            }
            registry.ended.connectionsAccepted += 1
            registry.channels[id] = channel
            return true
        }
        guard isAdmitted else { return false }
        channel.closeFuture.whenComplete { _ in
            self.registry.withLock { registry in
                registry.channels[id] = nil
                if registry.connections.removeValue(forKey: id) == nil {
                    registry.ended.connectionsRefused += 1
                }
            }
        }
        return true
    }

    /// The channel has a peer. Its handle drains it if the server is stopping by then.
    func enter(_ handle: ConnectionHandle, _ channel: any Channel) {
        let isStopping = registry.withLock { registry in
            registry.connections[ObjectIdentifier(channel)] = handle
            return registry.isStopping
        }
        if isStopping { handle.drain() }
    }

    /// A connection's figures, when it ends.
    func keep(_ figures: [(RPCMetrics.Key, MethodFigures)]) {
        registry.withLock { $0.ended.merge(figures) }
    }

    /// Counts what belongs to no method. `reason` is one of the runtime's own.
    func count(refusal reason: String) {
        registry.withLock { $0.ended.refusals[reason, default: 0] += 1 }
    }

    /// Lets no connection in any more and tells those there are to finish.
    func drain() -> [any Channel] {
        let (channels, handles) = registry.withLock { registry in
            registry.isStopping = true
            return (registry.channels, registry.connections)
        }
        for (id, channel) in channels where handles[id] == nil { channel.close(promise: nil) }
        for handle in handles.values { handle.drain() }
        return Array(channels.values)
    }

    /// Ends every connection; their calls fail with UNAVAILABLE.
    func stop() {
        for handle in registry.withLock({ Array($0.connections.values) }) { handle.stop() }
    }

    func metrics() async -> RPCMetrics {
        var (metrics, handles) = registry.withLock { registry in
            (registry.ended, Array(registry.connections.values))
        }
        metrics.connections = handles.count
        for handle in handles { metrics.merge(await handle.figures()) }
        return metrics
    }
}
