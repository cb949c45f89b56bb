import Contracts
import Cryptography
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import RPC
import ServiceKit

/// The API that `aws sso login` signs in by (`sso-oidc` in botocore): clients, device sign-ins, tokens.
struct OAuthAPI: Sendable {
    static let bodyBytesMax = 16 << 10

    let instance: InstanceWatch
    let clients: OAuthClients
    let codes: AuthorizationCodes
    let devices: DeviceRequests
    let tokens: OAuthTokens
    /// https URL of this portal.
    let portalURL: String
    /// Whether devices without a browser may be signed in here.
    let takesDevices: Bool
    let now: @Sendable () -> Date
    // As AWS': registrations and device sign-ins by address, tokens by client.
    private let registrations: RequestBudget
    /// Of everybody: each costs a signature.
    private let allRegistrations: RequestBudget
    private let exchanges: RequestBudget

    init(
        instance: InstanceWatch, clients: OAuthClients, codes: AuthorizationCodes,
        devices: DeviceRequests, tokens: OAuthTokens, portalURL: String,
        takesDevices: Bool, limits: LimitCounts, now: @escaping @Sendable () -> Date
    ) {
        self.instance = instance
        self.clients = clients
        self.codes = codes
        self.devices = devices
        self.tokens = tokens
        self.portalURL = portalURL
        self.takesDevices = takesDevices
        registrations = RequestBudget(perSecond: 20, .registrations, limits)
        allRegistrations = RequestBudget(perSecond: 200, .registrations, limits)
        exchanges = RequestBudget(perSecond: 80, .tokens, limits)
        self.now = now
    }

    func add(to router: Router<PortalContext>) {
        router.post("client/register") { await answer($0, $1, register) }
        router.post("device_authorization") { await answer($0, $1, authorizeDevice) }
        router.post("token") { await answer($0, $1, createToken) }
    }

    private struct Call: Sendable {
        let body: Data
        let request: Request
        let context: PortalContext
        let snapshot: InstanceSnapshot

        func decoded<Value: Decodable>(_: Value.Type) throws -> Value {
            do {
                return try JSONDecoder().decode(Value.self, from: body)
            } catch {
                throw OAuthRefusal(.invalidRequest, "The body is not the JSON that is expected.")
            }
        }
    }

    private func answer(
        _ request: Request, _ context: PortalContext,
        _ body: (Call) async throws -> [String: any Sendable]
    ) async -> Response {
        do {
            let buffer = try await request.boundedBody(Self.bodyBytesMax)
            let object = try await body(
                Call(
                    body: Data(buffer.readableBytesView), request: request, context: context,
                    snapshot: try instance.required()))
            return Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(string: JSONText.text(object))))
        } catch let refusal as OAuthRefusal {
            return refusal.response()
        } catch let failure as PortalFailure where failure.status.kind == .clientError {
            return OAuthRefusal(.invalidRequest, failure.message).response()
        } catch {
            context.logger.error("an OIDC call failed", metadata: ["error": "\(error)"])
            return OAuthRefusal(.server, "A part of this Region does not answer.").response()
        }
    }

    // MARK: - Clients

    private func register(_ call: Call) async throws -> [String: any Sendable] {
        try take(registrations, Network.of(call.context.sourceAddress))
        try take(allRegistrations)
        let registration = try call.decoded(OAuthClients.Registration.self)
        try checkStart(registration.issuerUrl, call.snapshot)
        let client = try await clients.register(registration, instance: call.snapshot)
        return [
            "clientId": client.id, "clientSecret": client.secret,
            "clientIdIssuedAt": client.claims.iat, "clientSecretExpiresAt": client.claims.exp,
        ]
    }

    private func take(_ budget: RequestBudget, _ key: String = "") throws {
        guard budget.take(key, now: now()) else {
            throw OAuthRefusal(.slowDown, "Too many requests. Please try again in a moment.")
        }
    }

    /// The start URL has to be this instance's, as a slip there is the commonest mistake.
    private func checkStart(_ url: String?, _ snapshot: InstanceSnapshot) throws {
        guard let url else { return }
        let portals = snapshot.servingRegions.map(\.portalURL)
        let origins = (portals + [portalURL]).compactMap(CrossSiteGuard.origin)
        let name = snapshot.instance.instanceArn.split(separator: "/").last.map(String.init) ?? ""
        if let origin = CrossSiteGuard.origin(of: url), origins.contains(origin) { return }
        if !name.isEmpty, url == "https://identitycenter.amazonaws.com/\(name)" { return }
        throw OAuthRefusal(
            .invalidRequest,
            "\(url.prefix(200)) is not a portal of this instance. Its portals: "
                + portals.map { $0 + "/start" }.joined(separator: ", "))
    }

    // MARK: - Devices

    private struct DeviceQuestion: Decodable, Sendable {
        var clientId: String?
        var clientSecret: String?
        var startUrl: String?
    }

    private func authorizeDevice(_ call: Call) async throws -> [String: any Sendable] {
        try take(registrations, Network.of(call.context.sourceAddress))
        let question = try call.decoded(DeviceQuestion.self)
        guard let start = question.startUrl else {
            throw OAuthRefusal(.invalidRequest, "startUrl is missing.")
        }
        try checkStart(start, call.snapshot)
        let client = try await clients.client(
            id: question.clientId, secret: question.clientSecret, instance: call.snapshot)
        try check(client, may: OAuthClients.deviceGrant)
        let pending = try devices.begin(client, from: call.context.sourceAddress, now: now())
        let page = portalURL + "/device"
        return [
            "deviceCode": pending.deviceCode, "userCode": pending.userCode,
            "verificationUri": page,
            "verificationUriComplete": "\(page)?user_code=\(pending.userCode)",
            "expiresIn": Int(DeviceRequests.lifetime), "interval": DeviceRequests.interval,
        ]
    }

    // MARK: - Tokens

    private struct TokenQuestion: Decodable, Sendable {
        var clientId: String?
        var clientSecret: String?
        var grantType: String?
        var code: String?
        var codeVerifier: String?
        var redirectUri: String?
        var deviceCode: String?
        var refreshToken: String?
    }

    private func createToken(_ call: Call) async throws -> [String: any Sendable] {
        let question = try call.decoded(TokenQuestion.self)
        let client = try await clients.client(
            id: question.clientId, secret: question.clientSecret, instance: call.snapshot)
        try take(exchanges, client.hash)
        let type = question.grantType ?? ""
        let taken = try await take(type, question, client, call)
        let issued: OAuthTokens.Issued
        do {
            issued = try await tokens.issue(taken.grant, to: client, grantType: type) {
                $0.actor(call.request, call.context)
            }
        } catch let refusal as OAuthRefusal {
            throw refusal
        } catch {
            // A part of the Region did not answer: the program asks again with the same.
            taken.giveBack()
            throw error
        }
        var answer: [String: any Sendable] = [
            "accessToken": issued.access, "tokenType": "Bearer", "expiresIn": issued.seconds,
        ]
        if let refresh = issued.refresh { answer["refreshToken"] = refresh }
        return answer
    }

    /// What a program has shown, and how it is given back.
    private struct Taken {
        let grant: OAuthGrant
        var giveBack: () -> Void = {}
    }

    private func take(
        _ type: String, _ question: TokenQuestion, _ client: OAuthClients.Client, _ call: Call
    ) async throws -> Taken {
        switch type {
        case OAuthClients.codeGrant:
            try check(client, may: type)
            let issued = try issued(question, client)
            let code = question.code ?? ""
            return Taken(grant: issued.grant) { codes.giveBack(code, issued) }
        case OAuthClients.deviceGrant:
            try check(client, may: type)
            let code = question.deviceCode ?? ""
            let grant = try devices.poll(deviceCode: code, client: client, now: now())
            return Taken(grant: grant) {
                devices.giveBack(grant, deviceCode: code, client: client, now: now())
            }
        case OAuthClients.refreshGrant:
            try check(client, may: type)
            return Taken(
                grant: try await tokens.grant(
                    refresh: question.refreshToken ?? "", of: client, instance: call.snapshot))
        default:
            throw OAuthRefusal(.unsupportedGrantType, "grantType is not one that is known here.")
        }
    }

    private func check(_ client: OAuthClients.Client, may grant: String) throws {
        guard grant != OAuthClients.deviceGrant || takesDevices else {
            throw OAuthRefusal(
                .unauthorizedClient, "Sign-in of devices is switched off in this Region.")
        }
        guard client.claims.grants.contains(grant) else {
            throw OAuthRefusal(.unauthorizedClient, "The client has not registered \(grant).")
        }
    }

    /// The code, for the client, address and verifier that it was asked for with (RFC 7636).
    private func issued(
        _ question: TokenQuestion, _ client: OAuthClients.Client
    ) throws -> AuthorizationCodes.Issued {
        guard let issued = codes.redeem(question.code ?? "", now: now()) else {
            throw OAuthRefusal(
                .invalidGrant, "The code is not known here, has been used or is too old.")
        }
        let verifier = question.codeVerifier ?? ""
        guard (43...128).contains(verifier.utf8.count),
            let hash = try? SHA256.hash(Array(verifier.utf8)),
            constantTimeEquals(
                Array(Base64URL.encode(hash).utf8), Array(issued.challenge.utf8)),
            issued.grant.client == client.hash, issued.redirect == question.redirectUri
        else {
            throw OAuthRefusal(
                .invalidGrant, "The code was asked for by another client, or another way.")
        }
        return issued
    }
}
