package import Contracts
package import Logging
package import RPC
package import ServiceKit

/// Sees to it that every administrative call leaves an event, also the refused ones.
///
/// An accepted write brings its event in the append. A refused one is recorded here with its error;
/// when that fails the refusal stands all the same, since nothing has happened.
package struct WriteAudit: Sendable {
    private let recorder: any TrailRecorder
    private let source: String
    private let accountID: String
    private let region: String
    private let logger: Logger

    /// `source` is the events' eventSource unless the caller's actor names another.
    package init(
        recorder: any TrailRecorder, source: String, accountID: String, region: String,
        logger: Logger
    ) {
        self.recorder = recorder
        self.source = source
        self.accountID = accountID
        self.region = region
        self.logger = logger
    }

    /// Runs a write as whoever is behind the call.
    package func run<Answer: Sendable>(
        _ name: String, _ context: ServerContext,
        request: @autoclosure () -> [String: any Sendable],
        _ write: (TrailActor) async throws -> Answer
    ) async throws -> Answer {
        let actor = context.actor(accountID: accountID, region: region)
        do {
            return try await write(actor)
        } catch let error as RPCError where error.isRefusal {
            var event = event(name, actor, request: request())
            event.errorCode = error.reason
            event.errorMessage = error.message
            await record(event)
            throw error
        }
    }

    /// The event of an accepted write.
    package func event(
        _ name: String, _ actor: TrailActor, request: [String: any Sendable],
        response: [String: any Sendable] = [:]
    ) -> TrailEvent {
        TrailEvent(name: name, source: source, actor: actor, request: request, response: response)
    }

    private func record(_ event: TrailEvent) async {
        do {
            try await recorder.record([event])
        } catch {
            logger.warning(
                "a refused call could not be recorded",
                metadata: ["event": "\(event.eventName)", "error": "\(error)"])
        }
    }
}

extension RPCError {
    /// Whether the call was decided against, rather than not decided.
    fileprivate var isRefusal: Bool {
        switch code {
        case .invalidArgument, .notFound, .alreadyExists, .permissionDenied, .failedPrecondition,
            .aborted, .outOfRange:
            true
        default: false
        }
    }
}

/// What CloudTrail shows in place of personal data.
package let hiddenPersonalData = "HIDDEN_DUE_TO_SECURITY_REASONS"
