import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RPC
import ServiceKit

/// Dispatches requests of AWS' JSON protocol 1.1 by their X-Amz-Target.
struct JSONFront: Sendable {
    private static let contentType = "application/x-amz-json-1.1"

    let admission: RequestAdmission
    let trail: any TrailRecorder
    /// Whether reads and uses of keys are recorded one by one.
    let recordsUse: Bool
    private let services: [String: JSONService]
    private let refusals: RequestBudget

    init(
        admission: RequestAdmission, trail: any TrailRecorder, recordsUse: Bool,
        limits: LimitCounts, services: [JSONService]
    ) {
        self.admission = admission
        self.trail = trail
        self.recordsUse = recordsUse
        refusals = .ofRefusals(limits)
        self.services = Dictionary(
            uniqueKeysWithValues: services.map { ($0.targetPrefix, $0) })
    }

    /// Answers whatever comes: what is thrown becomes an exception of the protocol.
    func answer(
        _ target: String, _ request: Request, _ context: PortalContext
    ) async -> Response {
        do {
            guard let (service, operation) = find(target) else { throw AWSError.unknownOperation }
            let body = try await answer(service, operation, request, context)
            return response(.ok, body, context)
        } catch {
            var refusal = error as? AWSError ?? Self.unexpected(error, context)
            if find(target)?.0.errorsNameRequest == true {
                refusal.members["RequestId"] = context.requestID
            }
            return response(refusal, context)
        }
    }

    private func find(_ target: String) -> (JSONService, JSONOperation)? {
        guard let dot = target.lastIndex(of: "."),
            let service = services[String(target[..<dot])],
            let operation = service.operations[String(target[target.index(after: dot)...])]
        else { return nil }
        return (service, operation)
    }

    private func answer(
        _ service: JSONService, _ operation: JSONOperation, _ request: Request,
        _ context: PortalContext
    ) async throws -> Data {
        guard request.headers[.contentType]?.lowercased().hasPrefix(Self.contentType) == true else {
            throw AWSError.serialization("The content type is to be \(Self.contentType).")
        }
        let buffer = try await request.boundedBody(service.bodyBytesMax)
        let caller: AWSCaller
        do {
            caller = try await admission.admit(request, body: buffer, service.expectation)
        } catch let refusal as AdmissionRefusal {
            await record(refusal, service, operation, request, context)
            throw AWSError(refusal)
        }
        let call = AWSCall(
            caller: caller,
            actor: caller.actor(request, context, try admission.instance.required()),
            sourceAddress: context.sourceAddress, userAgent: request.userAgent,
            logger: context.logger)
        return try await perform(service, operation, Data(buffer.readableBytesView), call)
    }

    private func perform(
        _ service: JSONService, _ operation: JSONOperation, _ body: Data, _ call: AWSCall
    ) async throws -> Data {
        var event = TrailEvent(
            name: operation.name, source: service.eventSource, actor: call.actor,
            readOnly: operation.kind == .use)
        do {
            let outcome = try await operation.perform(body, call)
            if operation.kind == .use, recordsUse {
                event.setParameters(operation.parameters(body), resource: outcome.resourceARN)
                try await trail.record([event])
            }
            return outcome.body
        } catch {
            let refusal = Self.refusal(error, service)
            if isRecordedHere(refusal, operation, byService: error is RPCError) {
                event.setParameters(operation.parameters(body), resource: "")
                event.errorCode = refusal.type
                event.errorMessage = refusal.message
                await recordRefusal(event, call.logger)
            }
            if refusal.status.kind == .serverError {
                call.logger.error(
                    "an AWS request failed",
                    metadata: ["operation": "\(operation.name)", "error": "\(error)"])
            }
            throw refusal
        }
    }

    /// Whether the event of a refusal is written here: a service records the changes it refuses.
    private func isRecordedHere(
        _ refusal: AWSError, _ operation: JSONOperation, byService: Bool
    ) -> Bool {
        let isDenied = refusal.type == "AccessDeniedException"
        return operation.kind == .use ? recordsUse || isDenied : isDenied && !byService
    }

    private static func refusal(_ error: any Error, _ service: JSONService) -> AWSError {
        switch error {
        case let error as AWSError: error
        case let error as RPCError: service.failure(error)
        default:
            service.failure(
                RPCError(.internalError, reason: "INTERNAL", message: "\(type(of: error))"))
        }
    }

    /// A request that was not let in: nobody stands behind it for sure, so the budget for strangers
    /// counts.
    private func record(
        _ refusal: AdmissionRefusal, _ service: JSONService, _ operation: JSONOperation,
        _ request: Request, _ context: PortalContext
    ) async {
        guard let snapshot = admission.instance.snapshot else { return }
        var event = TrailEvent(
            name: operation.name, source: service.eventSource,
            actor: .edge(request, context, snapshot), readOnly: operation.kind == .use)
        let error = AWSError(refusal)
        event.errorCode = error.type
        event.errorMessage = error.message
        await recordRefusal(event, context.logger)
    }

    private func recordRefusal(_ event: TrailEvent, _ logger: Logger) async {
        guard refusals.take(now: admission.now()) else {
            logger.info("a refusal was not recorded", metadata: ["code": "\(event.errorCode)"])
            return
        }
        do {
            try await trail.record([event])
        } catch {
            logger.warning("a refusal was not recorded", metadata: ["code": "\(event.errorCode)"])
        }
    }

    private static func unexpected(_ error: any Error, _ context: PortalContext) -> AWSError {
        if let failure = error as? PortalFailure, failure.status.kind == .clientError {
            let type =
                failure.status == .contentTooLarge
                ? "RequestEntityTooLargeException" : "ValidationException"
            return AWSError(type, failure.message, status: failure.status)
        }
        context.logger.error("an AWS request failed", metadata: ["error": "\(error)"])
        return AWSError(
            "ServiceUnavailableException",
            "A part of this Region does not answer. Request \(context.requestID)",
            status: .serviceUnavailable)
    }

    private func response(_ error: AWSError, _ context: PortalContext) -> Response {
        var members = error.members
        members["__type"] = error.type
        members["message"] = error.message
        let body = try? JSONEncoder.sorted.encode(members)
        var response = response(error.status, body ?? Data("{}".utf8), context)
        response.headers[.amazonErrorType] = error.type
        return response
    }

    private func response(
        _ status: HTTPResponse.Status, _ body: Data, _ context: PortalContext
    ) -> Response {
        Response(
            status: status,
            headers: [.contentType: Self.contentType, .amazonRequestID: context.requestID],
            body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}

extension JSONEncoder {
    /// Members in order of their names, nothing else changed.
    fileprivate static var sorted: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}

extension TrailEvent {
    fileprivate mutating func setParameters(
        _ parameters: [String: any Sendable], resource: String
    ) {
        let described = TrailEvent(
            name: eventName, source: eventSource, actor: actor, request: parameters)
        requestParametersJson = described.requestParametersJson
        guard resource.hasPrefix("arn:aws:kms:") else { return }
        var entry = TrailResource()
        entry.type = "AWS::KMS::Key"
        entry.arn = resource
        resources = [entry]
    }
}
