public import RPC

/// What a service library hands to the executable: methods to offer and work to run beside them.
public protocol ServiceModule: Sendable {
    var name: ServiceName { get }
    /// All methods; the host adds health, reflection and figures.
    var methods: MethodTable { get }
    /// Background work until cancelled. Returns only when cancelled or when the service cannot go
    /// on; throwing ends the process.
    func run() async throws
    /// A graceful stop begins: streams that would not end by themselves are to end now. Quick.
    func stopping()
    /// Whether the service can answer; shown by health checks with the reason when not.
    var readiness: Readiness { get async }
    /// The service's own figures for its metrics.
    var figures: [ServiceFigure] { get async }
}

extension ServiceModule {
    public func stopping() {}
}

public enum Readiness: Sendable, Equatable {
    case ready
    /// Up, but not able to answer: loading, key refused, behind, no instance yet.
    case notReady(String)
}
