import Contracts
import Cryptography
import Foundation

/// Registers public clients, and recognises them in every Region.
struct OAuthClients: Sendable {
    static let scope = "sso:account:access"
    static let deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
    static let codeGrant = "authorization_code"
    static let refreshGrant = "refresh_token"
    /// Seconds.
    static let lifetime: Int64 = 90 * 86_400
    static let redirectsMax = 8
    /// An ID has to fit into an address.
    static let idBytesMax = 1_200

    let tokens: TokenAuthority
    let issuer: CredentialIssuer
    let now: @Sendable () -> Date

    struct Registration: Decodable, Sendable {
        var clientName: String?
        var clientType: String?
        var scopes: [String]?
        var redirectUris: [String]?
        var grantTypes: [String]?
        var issuerUrl: String?
    }

    struct Registered: Sendable {
        let id: String
        let secret: String
        let claims: ClientClaims
    }

    /// A client that has shown its secret.
    struct Client: Sendable {
        let id: String
        let claims: ClientClaims

        /// Names it where its ID would be too long.
        var hash: String { hexHash(id) }
    }

    /// Throws `OAuthRefusal` for what cannot be registered, and what the keys service says.
    func register(
        _ request: Registration, instance: InstanceSnapshot
    ) async throws -> Registered {
        guard let name = request.clientName, (1...128).contains(name.utf8.count),
            name.unicodeScalars.allSatisfy(Self.isShown)
        else {
            throw OAuthRefusal(
                .invalidClientMetadata,
                "clientName has 1 to 128 bytes of characters that are shown.")
        }
        guard request.clientType == "public" else {
            throw OAuthRefusal(.invalidClientMetadata, "clientType is \"public\".")
        }
        let grants = request.grantTypes ?? []
        let known = [Self.codeGrant, Self.refreshGrant, Self.deviceGrant]
        guard grants.allSatisfy(known.contains) else {
            throw OAuthRefusal(
                .unsupportedGrantType, "grantTypes are of: \(known.joined(separator: ", ")).")
        }
        let scopes = request.scopes ?? []
        guard scopes.allSatisfy({ $0 == Self.scope }) else {
            throw OAuthRefusal(.invalidScope, "The only scope is \(Self.scope).")
        }
        let redirects = try redirects(request.redirectUris ?? [])
        guard !grants.contains(Self.codeGrant) || !redirects.isEmpty else {
            throw OAuthRefusal(
                .invalidRedirectURI, "\(Self.codeGrant) needs a redirect URI on this computer.")
        }
        let key = try await issuer.issuingKey()
        let start = Int64(now().timeIntervalSince1970)
        let claims = ClientClaims(
            iss: instance.issuer, jti: Base64URL.encode(try Random.bytes(16)), name: name,
            redirects: redirects, scopes: [Self.scope],
            // As AWS: a client without grant types is a device, and refreshes if it asked for scopes.
            grants: request.grantTypes
                ?? [Self.deviceGrant] + (scopes.isEmpty ? [] : [Self.refreshGrant]),
            keyID: key.keyID, iat: start, exp: start + Self.lifetime)
        let id = try await tokens.sign(claims, keyID: instance.instance.signingKeyID)
        guard id.utf8.count <= Self.idBytesMax else {
            throw OAuthRefusal(.invalidClientMetadata, "The registration is too long.")
        }
        return Registered(id: id, secret: Self.secret(id, key.key), claims: claims)
    }

    /// No control characters, and none that change the direction of what is read.
    private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate,
            .unassigned:
            false
        default: true
        }
    }

    private func redirects(_ texts: [String]) throws -> [String] {
        guard texts.count <= Self.redirectsMax else {
            throw OAuthRefusal(.invalidRedirectURI, "At most \(Self.redirectsMax) are taken.")
        }
        return try texts.map { text in
            guard let redirect = LoopbackRedirect(text) else {
                throw OAuthRefusal(
                    .invalidRedirectURI,
                    "Only http addresses of this computer (127.0.0.1, [::1], localhost) are taken.")
            }
            return redirect.withoutPort
        }
    }

    /// The client of an ID, registered in whichever Region; nil for anything else.
    func client(id: String, instance: InstanceSnapshot) async throws -> Client? {
        let claims = try await tokens.verify(
            id, as: ClientClaims.self, keyID: instance.instance.signingKeyID,
            issuer: instance.issuer)
        return claims.map { Client(id: id, claims: $0) }
    }

    /// The client that shows its secret.
    ///
    /// Throws: `OAuthRefusal` InvalidClientException.
    func client(
        id: String?, secret: String?, instance: InstanceSnapshot
    ) async throws -> Client {
        guard let id, let secret, let client = try await client(id: id, instance: instance),
            let key = try issuer.credentialKey(client.claims.keyID),
            constantTimeEquals(Array(Self.secret(id, key.key).utf8), Array(secret.utf8))
        else {
            throw OAuthRefusal(
                .invalidClient, "The client is not known, or its registration has ended.")
        }
        return client
    }

    private static func secret(_ id: String, _ key: Data) -> String {
        CredentialIssuer.secret(of: ["portolan oauth client 1", id], key: key)
    }
}

/// An address on the person's own computer, to which a browser brings an authorization code
/// (RFC 8252, section 7.3): its port is whatever was free.
struct LoopbackRedirect: Sendable, Equatable {
    static let bytesMax = 256
    let url: String
    /// For a form's policy.
    let origin: String
    /// What is compared.
    let withoutPort: String

    init?(_ text: String) {
        guard text.utf8.count <= Self.bytesMax, let parts = URLComponents(string: text),
            parts.scheme == "http", let host = parts.host,
            ["127.0.0.1", "[::1]", "localhost"].contains(host), parts.user == nil,
            parts.password == nil, parts.query == nil, parts.fragment == nil,
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") })
        else { return nil }
        url = text
        origin = "http://\(host)\(parts.port.map { ":\($0)" } ?? "")"
        withoutPort = "http://\(host)\(parts.path)"
    }
}
