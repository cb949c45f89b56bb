import Contracts
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// One administrative call: its event goes with the change, or is recorded as refused.
struct AdministrativeCall {
    static let source = "sso.amazonaws.com"

    let coordinator: Coordinator
    /// The event of the call when it succeeds.
    let event: TrailEvent

    init(
        _ coordinator: Coordinator, _ name: String, _ context: ServerContext,
        request: [String: any Sendable]
    ) {
        self.coordinator = coordinator
        let actor = context.actor(
            accountID: coordinator.settings.accountID, region: coordinator.region)
        var request = request
        if let arn = coordinator.instance.instance?.instanceArn { request["instanceArn"] = arn }
        var event = TrailEvent(
            name: name, source: Self.source, actor: actor, request: request)
        if let arn = coordinator.instance.instance?.instanceArn {
            event.resources = [
                .with {
                    $0.type = "AWS::SSO::Instance"
                    $0.arn = arn
                }
            ]
        }
        self.event = event
    }

    /// Runs the call. A refusal is on disk before it is answered.
    func run<R>(_ body: (TrailEvent) async throws -> R) async throws -> R {
        do {
            return try await body(event)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            let refusal = coordinator.outgoing(error)
            var event = event
            event.errorCode = (refusal as? RPCError)?.reason ?? "INTERNAL"
            event.errorMessage = (refusal as? RPCError)?.message ?? "An internal error occurred."
            do {
                _ = try await coordinator.trail.record([event])
            } catch let failure as LogError {
                throw coordinator.outgoing(failure)
            }
            throw refusal
        }
    }
}

extension Coordinator {
    /// Refuses outside the primary, naming it, and without an instance.
    ///
    /// Throws: `notPrimary`, `regionNotEnabled`; NOT_FOUND INSTANCE_NOT_FOUND.
    func requirePrimaryWithInstance() throws -> CoordinatorInstance {
        _ = try engine.state.gate.admitAppend(to: .control)
        guard let instance = instance.instance else { throw RPCError.noInstance(region) }
        return instance
    }
}

extension RPCError {
    static func noInstance(_ region: String) -> RPCError {
        RPCError(
            .notFound, reason: "INSTANCE_NOT_FOUND",
            message: "The Region \(region) holds no instance; create one with "
                + "`portolan instance create`, or add this Region in the primary.")
    }
}
