import Contracts
import Foundation
import Hummingbird
import Logging
import RPC
import ServiceKit

/// One request that has been let in.
struct AWSCall: Sendable {
    let caller: AWSCaller
    /// The caller as the trail names it.
    let actor: TrailActor
    let sourceAddress: String
    let userAgent: String
    let logger: Logger
}

/// What an operation answers when it has nothing to say.
struct NoOutput: Encodable, Sendable {}

/// Whether an operation's own service writes its event.
enum JSONOperationKind: Sendable {
    /// It changes something, and the service that does it records it before it takes effect.
    case change
    /// It reads, or uses a key. Recorded one by one where the Region's configuration asks for it.
    case use
}

/// What of an input goes into the trail.
protocol TrailDescribed {
    /// Never a secret. Names as in AWS' events.
    var trailParameters: [String: any Sendable] { get }
}

/// An answer about one resource, for the trail.
protocol ResourceNaming {
    /// An ARN; anything else is not taken over.
    var resourceARN: String { get }
}

/// One operation: a name and what does it, with the types hidden.
struct JSONOperation: Sendable {
    /// An answer, with what the trail may say about it.
    struct Outcome: Sendable {
        let body: Data
        let resourceARN: String
    }

    let name: String
    let kind: JSONOperationKind
    let perform: @Sendable (Data, AWSCall) async throws -> Outcome
    /// What the trail says of an input that can be read.
    let parameters: @Sendable (Data) -> [String: any Sendable]

    init<Input: Decodable & Sendable, Output: Encodable & Sendable>(
        _ name: String, _ kind: JSONOperationKind,
        _ body: @escaping @Sendable (Input, AWSCall) async throws -> Output
    ) {
        self.name = name
        self.kind = kind
        perform = { data, call in
            let output = try await body(JSONCoding.decode(Input.self, from: data), call)
            return Outcome(
                body: output is NoOutput ? Data() : try JSONCoding.encode(output),
                resourceARN: (output as? any ResourceNaming)?.resourceARN ?? "")
        }
        parameters = { data in
            let input = try? JSONCoding.decode(Input.self, from: data)
            return (input as? any TrailDescribed)?.trailParameters ?? [:]
        }
    }
}

/// An API of AWS' JSON protocol 1.1: a table from operation to handler.
struct JSONService: Sendable {
    /// What X-Amz-Target begins with, before the last dot: "TrentService".
    let targetPrefix: String
    let expectation: RequestAdmission.Expectation
    /// In the trail: "kms.amazonaws.com".
    let eventSource: String
    let bodyBytesMax: Int
    /// Whether the API's exceptions have a member `RequestId`.
    let errorsNameRequest: Bool
    /// Turns what services say into this API's exceptions.
    let failure: @Sendable (RPCError) -> AWSError
    let operations: [String: JSONOperation]

    init(
        targetPrefix: String, signingName: String, eventSource: String, bodyBytesMax: Int,
        errorsNameRequest: Bool = false,
        failure: @escaping @Sendable (RPCError) -> AWSError, operations: [JSONOperation]
    ) {
        self.targetPrefix = targetPrefix
        expectation = .init(services: [signingName])
        self.eventSource = eventSource
        self.bodyBytesMax = bodyBytesMax
        self.errorsNameRequest = errorsNameRequest
        self.failure = failure
        self.operations = Dictionary(
            uniqueKeysWithValues: operations.map { ($0.name, $0) })
    }
}
