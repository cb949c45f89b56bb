import Contracts
import NIOCore
import RPC
import ServiceKit
import SwiftProtobuf

/// The Cryptography service. Symmetric operations and Sign answer on the event loop: they touch
/// memory only and take microseconds.
struct CryptographyHandler: KeysCryptographyHandler {
    let operations: KeyOperations
    let callers: CallerDirectory
    private let usualCalls: UsualCalls

    init(operations: KeyOperations, callers: CallerDirectory) {
        self.operations = operations
        self.callers = callers
        usualCalls = UsualCalls(operations: operations, callers: callers)
    }

    func encrypt(
        _ request: KeysEncryptRequest, context: ServerContext
    ) async throws -> KeysEncryptResponse {
        try operations.encrypt(request, callers.caller(context))
    }

    func decrypt(
        _ request: KeysDecryptRequest, context: ServerContext
    ) async throws -> KeysDecryptResponse {
        try operations.decrypt(request, callers.caller(context))
    }

    func reEncrypt(
        _ request: KeysReEncryptRequest, context: ServerContext
    ) async throws -> KeysReEncryptResponse {
        try operations.reEncrypt(request, callers.caller(context))
    }

    func generateDataKey(
        _ request: KeysGenerateDataKeyRequest, context: ServerContext
    ) async throws -> KeysGenerateDataKeyResponse {
        try operations.generateDataKey(request, callers.caller(context))
    }

    func generateDataKeyWithoutPlaintext(
        _ request: KeysGenerateDataKeyWithoutPlaintextRequest, context: ServerContext
    ) async throws -> KeysGenerateDataKeyWithoutPlaintextResponse {
        try operations.generateDataKeyWithoutPlaintext(request, callers.caller(context))
    }

    func sign(_ request: KeysSignRequest, context: ServerContext) async throws -> KeysSignResponse {
        try operations.sign(request, callers.caller(context))
    }

    func verify(
        _ request: KeysVerifyRequest, context: ServerContext
    ) async throws -> KeysVerifyResponse {
        try operations.verify(request, callers.caller(context))
    }

    func getPublicKey(
        _ request: KeysGetPublicKeyRequest, context: ServerContext
    ) async throws -> KeysGetPublicKeyResponse {
        try operations.publicKey(request, callers.caller(context))
    }

    func generateDataKeyPair(
        _ request: KeysGenerateDataKeyPairRequest, context: ServerContext
    ) async throws -> KeysGenerateDataKeyPairResponse {
        try operations.generateDataKeyPair(
            request, callers.caller(context), withPlaintext: true)
    }

    func generateDataKeyPairWithoutPlaintext(
        _ request: KeysGenerateDataKeyPairRequest, context: ServerContext
    ) async throws -> KeysGenerateDataKeyPairResponse {
        try operations.generateDataKeyPair(
            request, callers.caller(context), withPlaintext: false)
    }

    func generateRandom(
        _ request: KeysGenerateRandomRequest, context: ServerContext
    ) async throws -> KeysGenerateRandomResponse {
        let configuration = operations.authorizer.configuration
        return try operations.generateRandom(
            request, callers.caller(context),
            resource: configuration.arn(keyID: "*", region: configuration.region))
    }

    func generateMac(
        _ request: KeysGenerateMacRequest, context: ServerContext
    ) async throws -> KeysGenerateMacResponse {
        try operations.generateMac(request, callers.caller(context))
    }

    func verifyMac(
        _ request: KeysVerifyMacRequest, context: ServerContext
    ) async throws -> KeysVerifyMacResponse {
        try operations.verifyMac(request, callers.caller(context))
    }

    /// Adds the fast paths to the registered methods. What takes longer than some microseconds, such
    /// as a signature by RSA, is left to the asynchronous handlers.
    func registerImmediate(in table: inout MethodTable) {
        typealias Methods = KeysCryptographyMethods
        register(Methods.encrypt, .encrypt, in: &table) {
            (request: KeysEncryptRequest, caller: Caller) -> KeysEncryptResponse? in
            guard request.encryptionAlgorithm.oaepHash == nil else { return nil }
            return try operations.encrypt(request, caller)
        }
        register(Methods.decrypt, .decrypt, in: &table) {
            (request: KeysDecryptRequest, caller: Caller) -> KeysDecryptResponse? in
            guard request.encryptionAlgorithm.oaepHash == nil else { return nil }
            return try operations.decrypt(request, caller)
        }
        register(Methods.sign, .sign, in: &table) {
            (request: KeysSignRequest, caller: Caller) -> KeysSignResponse? in
            guard request.signingAlgorithm == .ecdsaSha256 else { return nil }
            return try operations.sign(request, caller)
        }
        register(Methods.generateDataKey, .generateDataKey, in: &table) {
            try operations.generateDataKey($0, $1)
        }
        register(
            Methods.generateDataKeyWithoutPlaintext, .generateDataKeyWithoutPlaintext, in: &table
        ) {
            try operations.generateDataKeyWithoutPlaintext($0, $1)
        }
        register(Methods.generateMac, nil, in: &table) { try operations.generateMac($0, $1) }
        register(Methods.verifyMac, nil, in: &table) { try operations.verifyMac($0, $1) }
    }

    /// - Parameters:
    ///   - usual: what requests of the usual shape are answered as, without a message in between.
    ///   - operation: nil for what is to be answered later.
    private func register<Request: Message, Response: Message>(
        _ method: MethodDescriptor, _ usual: KeyOperation?, in table: inout MethodTable,
        _ operation: @escaping @Sendable (Request, Caller) throws -> Response?
    ) {
        let (callers, usualCalls) = (callers, usualCalls)
        // Whom the portal calls for is in the call's metadata, which asynchronous handlers read.
        table.registerImmediate(method, exceptWith: PrincipalDelegation.metadataName) {
            payload, peer, sink in
            if let usual, usualCalls.answer(usual, payload, peer, sink) { return .written }
            do {
                let request = try MessageCoding.decode(Request.self, from: payload)
                guard let response = try operation(request, callers.caller(peer)) else {
                    return .later
                }
                if let usual { usualCalls.learn(usual, payload, peer) }
                return .answer(try MessageCoding.encode(response))
            } catch let error as RPCError {
                return .failure(error)
            } catch {
                return .failure(.keysInternal(error))
            }
        }
    }
}
