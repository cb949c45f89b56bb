import Contracts
import Crypto
import Foundation
import JWTKit
import RPC
import Synchronization

/// Makes tokens with the instance's signing key, which only the keys service holds, and checks
/// them with its public half.
final class TokenAuthority: Sendable {
    static let tokenBytesMax = 4096
    private static let publicKeyLifetime: TimeInterval = 300
    private static let verifiedMax = 10_000

    private let keys: KeysCryptographyClient
    let now: @Sendable () -> Date
    private let state = Mutex(State())

    private struct State {
        var verifiers: [String: Verifier] = [:]
        /// Tokens whose signature was found good, by hash of the token.
        var verified: [SHA256.Digest: Verified] = [:]
        /// The first part of tokens, by key.
        var headers: [String: String] = [:]
    }

    private struct Verified {
        let keyID: String
        let claims: any PortalClaims
    }

    private struct Verifier {
        let keys: JWTKeyCollection
        let spki: Data
        var fetchedAt: Date
    }

    init(keys: KeysCryptographyClient, now: @escaping @Sendable () -> Date) {
        self.keys = keys
        self.now = now
    }

    /// A compact JWS (ES256). `keyID` is the instance's signing key.
    ///
    /// Throws the keys service's `RPCError`.
    func sign(_ claims: some PortalClaims, keyID: String) async throws -> String {
        let input = try header(keyID) + "." + Base64URL.encode(try Self.encode(claims))
        var request = KeysSignRequest()
        request.keyID = keyID
        request.message = Data(SHA256.hash(data: Data(input.utf8)))
        request.messageIsDigest = true
        request.signingAlgorithm = .ecdsaSha256
        let answer = try await keys.sign(request, options: CallOptions(timeout: .seconds(5)))
        let signature = try P256.Signing.ECDSASignature(derRepresentation: answer.signature)
        return input + "." + Base64URL.encode(signature.rawRepresentation)
    }

    private func header(_ keyID: String) throws -> String {
        if let known = state.withLock({ $0.headers[keyID] }) { return known }
        let header = Header(alg: "ES256", kid: keyID, typ: "JWT")
        let text = Base64URL.encode(try Self.encode(header))
        state.withLock { state in
            if state.headers.count >= 8 { state.headers.removeAll() }
            state.headers[keyID] = text
        }
        return text
    }

    private static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return try encoder.encode(value)
    }

    /// The claims of a token that is signed by this instance, for this use and not expired; nil
    /// for anything else.
    ///
    /// Throws `RPCError` only when the public key cannot be had.
    func verify<Claims: PortalClaims>(
        _ token: String, as type: Claims.Type, keyID: String, issuer: String
    ) async throws -> Claims? {
        guard
            let claims = try await verifyIgnoringEnd(
                token, as: type, keyID: keyID, issuer: issuer),
            !hasEnded(claims)
        else { return nil }
        return claims
    }

    func hasEnded(_ claims: some PortalClaims) -> Bool {
        claims.exp <= Int64(now().timeIntervalSince1970)
    }

    /// The same whether or not the token has expired, for those who tell one from the other.
    func verifyIgnoringEnd<Claims: PortalClaims>(
        _ token: String, as type: Claims.Type, keyID: String, issuer: String
    ) async throws -> Claims? {
        guard token.utf8.count <= Self.tokenBytesMax else { return nil }
        let claims: Claims
        if let known = known(token, keyID: keyID) {
            guard let known = known as? Claims else { return nil }
            claims = known
        } else {
            let verifier = try await verifier(keyID)
            guard
                let header = Self.header(of: token), header.kid == keyID, header.alg == "ES256",
                let verified = try? await verifier.keys.verify(token, as: type)
            else { return nil }
            guard verified.use == Claims.use else { return nil }
            claims = verified
            remember(token, Verified(keyID: keyID, claims: claims))
        }
        guard claims.iss == issuer else { return nil }
        return claims
    }

    private struct Header: Codable {
        let alg: String
        let kid: String
        let typ: String
    }

    private static func header(of token: String) -> Header? {
        guard let part = token.split(separator: ".").first, let bytes = Base64URL.decode(part)
        else { return nil }
        return try? JSONDecoder().decode(Header.self, from: Data(bytes))
    }

    /// What a token says that was found good before; nil when it is not known. Whether it has ended is
    /// not looked at.
    func known(_ token: String, keyID: String) -> (any PortalClaims)? {
        let hash = SHA256.hash(data: Data(token.utf8))
        return state.withLock { state in
            state.verified[hash].flatMap { $0.keyID == keyID ? $0.claims : nil }
        }
    }

    private func remember(_ token: String, _ verified: Verified) {
        let hash = SHA256.hash(data: Data(token.utf8))
        state.withLock { state in
            if state.verified.count >= Self.verifiedMax { state.verified.removeAll() }
            state.verified[hash] = verified
        }
    }

    /// The public key, asked for again after five minutes; the one known stays in use while the
    /// keys service does not answer. Another key under the same ID voids what was verified before.
    private func verifier(_ keyID: String) async throws -> Verifier {
        let known = state.withLock { $0.verifiers[keyID] }
        if let known, now().timeIntervalSince(known.fetchedAt) < Self.publicKeyLifetime {
            return known
        }
        do {
            var request = KeysGetPublicKeyRequest()
            request.keyID = keyID
            let answer = try await keys.getPublicKey(
                request, options: CallOptions(timeout: .seconds(5)))
            let verifier = try await Self.makeVerifier(answer.publicKey, keyID, now())
            state.withLock { state in
                if known?.spki != verifier.spki { state.verified.removeAll() }
                if state.verifiers.count >= 8 { state.verifiers.removeAll() }
                state.verifiers[keyID] = verifier
            }
            return verifier
        } catch {
            if let known { return known }
            throw error
        }
    }

    private static func makeVerifier(
        _ spki: Data, _ keyID: String, _ date: Date
    ) async throws -> Verifier {
        let key = try P256.Signing.PublicKey(derRepresentation: spki)
        let keys = JWTKeyCollection()
        await keys.add(ecdsa: try ES256PublicKey(backing: key), kid: JWKIdentifier(string: keyID))
        return Verifier(keys: keys, spki: spki, fetchedAt: date)
    }
}
