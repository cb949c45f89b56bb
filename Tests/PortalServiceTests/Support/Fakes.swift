import Contracts
import Crypto
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf
import Synchronization

@testable import PortalService

extension MethodTable {
    /// Registers a closure for one unary method.
    mutating func answer<Request: Message, Answer: Message>(
        _ method: MethodDescriptor,
        _ body: @escaping @Sendable (Request, ServerContext) throws -> Answer
    ) {
        register(
            method,
            .unary { payload, context in
                let request = try MessageCoding.decode(Request.self, from: payload)
                return try MessageCoding.encode(try body(request, context))
            })
    }

    var channel: any CallChannel {
        InProcessTransport(
            methods: self, peer: .service(name: "portal", region: "eu-central-1"))
    }
}

/// Remembers what was recorded.
final class MemoryTrail: TrailRecorder {
    private let recorded = Mutex<[TrailEvent]>([])
    private let failure = Mutex<RPCError?>(nil)

    var events: [TrailEvent] { recorded.withLock { $0 } }
    var names: [String] { events.map(\.eventName) }

    func fail(with error: RPCError?) { failure.withLock { $0 = error } }

    func record(_ events: [TrailEvent]) async throws {
        if let error = failure.withLock({ $0 }) { throw error }
        recorded.withLock { $0 += events }
    }
}

/// Says of every response what the test wants.
final class FakeGate: AssertionGate {
    private let verdict = Mutex<AssertionVerdict>(
        .refused(code: "SAML_NOT_SIGNED", explanation: ""))
    private let seen = Mutex<[PostedResponse]>([])

    var posted: [PostedResponse] { seen.withLock { $0 } }

    func set(_ new: AssertionVerdict) { verdict.withLock { $0 = new } }

    func accept(_ nameID: String, id: String = "_a1", until: Date? = nil) {
        set(
            .accepted(
                AcceptedAssertion(
                    assertionID: id, nameID: nameID,
                    replayableUntil: Date(timeIntervalSince1970: 1_900_000_000),
                    sessionNotOnOrAfter: until)))
    }

    func request(_ order: AuthenticationOrder) throws -> AuthenticationRedirect {
        if order.provider.binding.hasSuffix("POST") {
            return .post(url: order.provider.signInURL, request: "cmVxdWVzdA==")
        }
        return .redirect(
            "\(order.provider.signInURL)?SAMLRequest=x&RelayState=\(order.relayState)")
    }

    func judge(_ response: PostedResponse) -> AssertionVerdict {
        seen.withLock { $0.append(response) }
        return verdict.withLock { $0 }
    }

    func metadata(entityID: String, endpoints: [AssertionConsumer]) throws -> String {
        "<\(entityID) \(endpoints.map(\.url).joined(separator: " "))>"
    }
}

/// A keys service with one signing key, and what KMS tests ask of it.
struct FakeKeys: Sendable {
    let key = P256.Signing.PrivateKey()
    /// Whom calls were made for, as the portal said; nil for its own.
    let callers = SharedValue<[KeysDelegatedPrincipal?]>([])

    var channel: any CallChannel {
        var table = MethodTable()
        let key = key
        table.answer(KeysCryptographyMethods.sign) { (request: KeysSignRequest, _) in
            var answer = KeysSignResponse()
            guard request.messageIsDigest else {
                throw RPCError(.invalidArgument, reason: "DIGEST", message: "a digest is expected")
            }
            let digest = try Digest32(request.message)
            answer.signature = try key.signature(for: digest).derRepresentation
            return answer
        }
        table.answer(KeysCryptographyMethods.getPublicKey) { (_: KeysGetPublicKeyRequest, _) in
            var answer = KeysGetPublicKeyResponse()
            answer.publicKey = key.publicKey.derRepresentation
            return answer
        }
        registerKMS(&table)
        table.answer(KeysKeyManagementMethods.getRelatedKeys) { (_: KeysGetRelatedKeysRequest, _) in
            .with {
                $0.relatedKeys = [
                    .with {
                        $0.region = "us-east-1"
                        $0.keyState = .disabled
                        $0.policyDifferences = ["- Anyone: {}"]
                        $0.heardOfAtUs = 1
                    }
                ]
            } as KeysGetRelatedKeysResponse
        }
        return table.channel
    }
}

/// A SHA-256 digest that comes from elsewhere.
struct Digest32: Digest {
    static var byteCount: Int { 32 }
    private let bytes: [UInt8]

    init(_ data: Data) throws {
        guard data.count == 32 else { throw CocoaError(.coderInvalidValue) }
        bytes = Array(data)
    }

    func withUnsafeBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try bytes.withUnsafeBytes(body)
    }

    var description: String { "digest" }
}
