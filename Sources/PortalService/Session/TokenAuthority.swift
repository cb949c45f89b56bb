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
        /// Claims of tokens whose signature was found good, by hash of the token.
        var verified: [[UInt8]: any PortalClaims] = [:]
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
        let header = Header(alg: "ES256", kid: keyID, typ: "JWT")
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let input =
            Base64URL.encode(try encoder.encode(header)) + "."
            + Base64URL.encode(try encoder.encode(claims))
        var request = KeysSignRequest()
        request.keyID = keyID
        request.message = Data(SHA256.hash(data: Data(input.utf8)))
        request.messageIsDigest = true
        request.signingAlgorithm = .ecdsaSha256
        let answer = try await keys.sign(request, options: CallOptions(timeout: .seconds(5)))
        let signature = try P256.Signing.ECDSASignature(derRepresentation: answer.signature)
        return input + "." + Base64URL.encode(signature.rawRepresentation)
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
        if let known = cached(token) {
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
            remember(token, claims)
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

    private func cached(_ token: String) -> (any PortalClaims)? {
        let hash = Array(SHA256.hash(data: Data(token.utf8)))
        return state.withLock { $0.verified[hash] }
    }

    private func remember(_ token: String, _ claims: any PortalClaims) {
        let hash = Array(SHA256.hash(data: Data(token.utf8)))
        state.withLock { state in
            if state.verified.count >= Self.verifiedMax { state.verified.removeAll() }
            state.verified[hash] = claims
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
