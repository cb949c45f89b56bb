import Contracts
import Cryptography
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import Testing

@testable import PortalService

@Suite("Sign-in of programs and devices")
struct OAuthTests {
    static let redirect = "http://127.0.0.1/oauth/callback"
    static let verifier = String(repeating: "v-._~", count: 10)

    // MARK: - Refused

    @Test(
        "what cannot be registered is refused by its name",
        arguments: [
            ("{}", "InvalidClientMetadataException"), ("[]", "InvalidRequestException"),
            (#"{"clientName":"x\u202ey","clientType":"public"}"#, "InvalidClientMetadataException"),
            (#"{"clientName":"x","clientType":"confidential"}"#, "InvalidClientMetadataException"),
            (
                #"{"clientName":"x","clientType":"public","scopes":["all"]}"#,
                "InvalidScopeException"
            ),
            (
                #"{"clientName":"x","clientType":"public","grantTypes":["password"]}"#,
                "UnsupportedGrantTypeException"
            ),
            (
                #"{"clientName":"x","clientType":"public","grantTypes":["authorization_code"]}"#,
                "InvalidRedirectUriException"
            ),
            (
                #"{"clientName":"x","clientType":"public","redirectUris":["https://a.example/"]}"#,
                "InvalidRedirectUriException"
            ),
            (
                #"{"clientName":"x","clientType":"public","redirectUris":["http://127.0.0.1@a.example/"]}"#,
                "InvalidRedirectUriException"
            ),
            (
                #"{"clientName":"x","clientType":"public","issuerUrl":"https://other.example/start"}"#,
                "InvalidRequestException"
            ),
        ])
    func registration(_ body: String, _ type: String) async throws {
        try await TestPortal().run { client in
            try await client.execute(
                uri: "/client/register", method: .post, body: ByteBuffer(string: body)
            ) {
                #expect($0.status == .badRequest)
                #expect($0.headers[.amazonErrorType] == type)
                #expect(String(buffer: $0.body).contains("\"error\":"))
            }
        }
    }

    @Test("a start URL of elsewhere is answered with the portals that there are")
    func startURL() async throws {
        let portal = try TestPortal()
        try await portal.run { client in
            let id = try await register(client)
            let answer = try await post(
                client, "/device_authorization",
                id.merging(["startUrl": "https://x.example/"]) { $1 })
            #expect(answer.status == .badRequest)
            #expect((answer.body["error_description"] as? String)?.contains(TestPortal.url) == true)
        }
    }

    @Test("a client that does not know its secret gets 401")
    func unknownClient() async throws {
        let portal = try TestPortal()
        try await portal.run { client in
            var id = try await register(client)
            let other = try await register(client)
            id["clientSecret"] = other["clientSecret"]
            for request in [id, ["clientId": "x", "clientSecret": "y"], [:]] {
                let answer = try await post(
                    client, "/token", request.merging(["grantType": "refresh_token"]) { $1 })
                #expect(answer.status == .unauthorized)
                #expect(answer.type == "InvalidClientException")
            }
        }
    }

    @Test("a registration ends after 90 days")
    func registrationEnds() async throws {
        let portal = try TestPortal()
        try await portal.run { client in
            let id = try await register(client)
            portal.now += 90 * 86_400 + 1
            let answer = try await post(
                client, "/device_authorization", id.merging(["startUrl": TestPortal.url]) { $1 })
            #expect(answer.type == "InvalidClientException")
        }
    }

    @Test(
        "a request that names no client or another address shows a page and leads nowhere",
        arguments: [
            ("client_id", "x"), ("redirect_uri", "https://a.example/oauth/callback"),
            ("redirect_uri", "http://127.0.0.1/other"),
            ("redirect_uri", "http://localhost/oauth/callback"),
            ("redirect_uri", "http://127.0.0.1/oauth/callback?x=y"),
        ])
    func badRequests(_ name: String, _ value: String) async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            var query = query(try await register(client))
            query[name] = value
            try await client.execute(
                uri: "/authorize?" + String(buffer: TestPortal.form(query)), method: .get,
                headers: TestPortal.cookie(session)
            ) {
                #expect($0.status == .badRequest)
                #expect($0.headers[.location] == nil)
            }
            var headers = TestPortal.formHeaders(session)
            headers[.contentType] = "application/x-www-form-urlencoded"
            query["decision"] = "allow"
            try await client.execute(
                uri: "/authorize", method: .post, headers: headers,
                body: TestPortal.form(query, csrf: session)
            ) { #expect($0.status == .badRequest) }
        }
    }

    @Test(
        "what the program did wrong it is told",
        arguments: [
            ("response_type", "token", "invalid_request"),
            ("code_challenge_method", "plain", "invalid_request"),
            ("code_challenge", "short", "invalid_request"), ("scope", "all", "invalid_scope"),
        ])
    func wrongRequests(_ name: String, _ value: String, _ error: String) async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            var query = query(try await register(client))
            query[name] = value
            try await client.execute(
                uri: "/authorize?" + String(buffer: TestPortal.form(query)), method: .get,
                headers: TestPortal.cookie(session)
            ) {
                let location = $0.headers[.location] ?? ""
                #expect(location.hasPrefix("http://127.0.0.1:5000/oauth/callback?error=\(error)&"))
                #expect(location.hasSuffix("state=s-1"))
            }
        }
    }

    @Test("nobody allows anything without the page's own form")
    func crossSite() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            var query = query(try await register(client))
            query["decision"] = "allow"
            for (origin, csrf) in [
                ("https://a.example", session as String?), (TestPortal.url, nil),
            ] {
                try await client.execute(
                    uri: "/authorize", method: .post,
                    headers: TestPortal.formHeaders(session, origin: origin),
                    body: TestPortal.form(query, csrf: csrf)
                ) { #expect($0.status == .forbidden) }
            }
        }
    }

    @Test(
        "a code is good once, for a minute, for its client, address and verifier",
        arguments: ["used", "old", "client", "address", "verifier", "unknown"])
    func badCodes(_ kind: String) async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            let id = try await register(client)
            let code = try await allow(client, id, session)
            var request = exchange(id, code)
            switch kind {
            case "used":
                #expect(try await post(client, "/token", request).status == .ok)
            case "old": portal.now += 61
            case "client": request = exchange(try await register(client), code)
            case "address": request["redirectUri"] = Self.redirect
            case "verifier": request["codeVerifier"] = String(repeating: "w", count: 50)
            default: request["code"] = "0"
            }
            let answer = try await post(client, "/token", request)
            #expect(answer.status == .badRequest)
            #expect(answer.type == "InvalidGrantException")
            #expect(answer.body["error"] as? String == "invalid_grant")
            guard kind != "unknown" else { return }
            // A code that was tried in vain is spent.
            let again = try await post(client, "/token", exchange(id, code))
            #expect(again.type == "InvalidGrantException")
        }
    }

    // MARK: - Given

    @Test("a program gets tokens that the portal's API takes, and no page does")
    func program() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken(seconds: 7_200)
        try await portal.run { client in
            let id = try await register(client)
            let answer = try await post(
                client, "/token", exchange(id, try await allow(client, id, session)))
            #expect(answer.status == .ok)
            #expect(answer.body["tokenType"] as? String == "Bearer")
            #expect(answer.body["expiresIn"] as? Int == 3_600)
            let access = try #require(answer.body["accessToken"] as? String)
            #expect(try await accounts(client, access) == .ok)
            try await client.execute(
                uri: "/start", method: .get, headers: TestPortal.cookie(access)
            ) { #expect($0.status == .seeOther) }
            let event = try #require(portal.trail.events.first { $0.eventName == "CreateToken" })
            #expect(event.actor.userName == "alix@example.com")
            #expect(event.requestParametersJson.contains("authorization_code"))
            // Neither token is the other.
            let refresh = try #require(answer.body["refreshToken"] as? String)
            #expect(try await accounts(client, refresh) == .unauthorized)
            let wrong = try await post(
                client, "/token",
                id.merging(["grantType": "refresh_token", "refreshToken": access]) { $1 })
            #expect(wrong.type == "InvalidGrantException")
        }
    }

    @Test("tokens are renewed until the session ends, by the client that they were given to")
    func refresh() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken(seconds: 5_400)
        try await portal.run { client in
            let id = try await register(client)
            let first = try await post(
                client, "/token", exchange(id, try await allow(client, id, session)))
            let refresh = try #require(first.body["refreshToken"] as? String)
            let access = try #require(first.body["accessToken"] as? String)
            portal.now += 3_601
            #expect(try await accounts(client, access) == .unauthorized)
            func renew(_ id: [String: String]) async throws -> Answer {
                try await post(
                    client, "/token",
                    id.merging(["grantType": "refresh_token", "refreshToken": refresh]) { $1 })
            }
            let second = try await renew(id)
            #expect(second.body["expiresIn"] as? Int == 1_799)
            let renewed = try #require(second.body["accessToken"] as? String)
            #expect(try await accounts(client, renewed) == .ok)
            #expect(try await renew(try await register(client)).type == "InvalidGrantException")
            portal.now += 1_800
            #expect(try await accounts(client, renewed) == .unauthorized)
            #expect(try await renew(id).type == "InvalidGrantException")
        }
    }

    @Test("with the session everything ends: by sign-out of the program or in the browser")
    func revoked() async throws {
        for byProgram in [true, false] {
            let portal = try TestPortal()
            let session = try await portal.sessionToken()
            try await portal.run { client in
                let id = try await register(client)
                let answer = try await post(
                    client, "/token", exchange(id, try await allow(client, id, session)))
                let access = try #require(answer.body["accessToken"] as? String)
                let refresh = try #require(answer.body["refreshToken"] as? String)
                let code = try await allow(client, id, session)
                if byProgram {
                    try await client.execute(
                        uri: "/logout", method: .post, headers: [.bearerToken: access]
                    ) { #expect($0.status == .ok) }
                } else {
                    try await client.execute(
                        uri: "/sign-out", method: .post, headers: TestPortal.formHeaders(session),
                        body: TestPortal.form([:], csrf: session)
                    ) { #expect($0.status == .ok) }
                }
                #expect(try await accounts(client, access) == .unauthorized)
                #expect(try await accounts(client, session) == .unauthorized)
                for request in [
                    exchange(id, code),
                    id.merging(["grantType": "refresh_token", "refreshToken": refresh]) { $1 },
                ] {
                    #expect(
                        try await post(client, "/token", request).type == "InvalidGrantException")
                }
            }
            // Kept for as long as credentials that were taken in the session would be good.
            let revocation = try #require(
                try portal.sessions.read { $0.revocations.values.first })
            #expect(
                revocation.keepUntilUs
                    >= portal.now.addingTimeInterval(3_600 + 12 * 3_600).microseconds)
        }
    }

    @Test("a disabled person gets no tokens any more")
    func disabled() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            let id = try await register(client)
            let code = try await allow(client, id, session)
            portal.directory.setEnabled(TestPortal.userID, false)
            let answer = try await post(client, "/token", exchange(id, code))
            #expect(answer.type == "InvalidGrantException")
        }
    }

    // MARK: - Devices

    @Test("a device waits, is told when it asks too often, and gets its tokens once")
    func device() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            let id = try await register(client, device: true)
            let start = try await begin(client, id)
            #expect(try await poll(client, id, start).type == "AuthorizationPendingException")
            let hasty = try await poll(client, id, start)
            #expect(hasty.type == "SlowDownException")
            #expect(hasty.body["error"] as? String == "slow_down")
            portal.now += 1
            #expect(try await poll(client, id, start).type == "AuthorizationPendingException")
            try await decide(client, session, start.userCode.lowercased(), "allow", "is signed in")
            portal.now += 1
            let answer = try await poll(client, id, start)
            #expect(answer.status == .ok)
            let access = try #require(answer.body["accessToken"] as? String)
            #expect(try await accounts(client, access) == .ok)
            #expect(try await poll(client, id, start).type == "InvalidGrantException")
            // Nothing is waiting any more.
            try await decide(client, session, start.userCode, "allow", "not waiting for anybody")
        }
    }

    @Test("a device that is refused, or that nobody answers in ten minutes, is told")
    func deviceEnds() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            let id = try await register(client, device: true)
            let refused = try await begin(client, id)
            try await decide(client, session, refused.userCode, "deny", "Nothing was allowed")
            #expect(try await poll(client, id, refused).type == "AccessDeniedException")
            let late = try await begin(client, id)
            let foreign = try await register(client, device: true)
            #expect(try await poll(client, foreign, late).type == "InvalidGrantException")
            portal.now += 601
            #expect(try await poll(client, id, late).type == "ExpiredTokenException")
        }
    }

    @Test("without scopes there is no refresh token, and the access token lasts as the session")
    func legacyDevice() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken(seconds: 7_200)
        try await portal.run { client in
            let id = try await register(client, device: true, scopes: false)
            let start = try await begin(client, id)
            try await decide(client, session, start.userCode, "allow", "is signed in")
            let answer = try await poll(client, id, start)
            #expect(answer.body["refreshToken"] == nil)
            #expect(answer.body["expiresIn"] as? Int == 7_200)
        }
    }

    @Test("a client uses what it has registered and nothing else")
    func grants() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            let program = try await register(client)
            let device = try await post(
                client, "/device_authorization",
                program.merging(["startUrl": TestPortal.url]) { $1 })
            #expect(device.type == "UnauthorizedClientException")
            let other = try await register(client, device: true, scopes: false)
            for grant in ["authorization_code", "refresh_token"] {
                let answer = try await post(
                    client, "/token", other.merging(["grantType": grant]) { $1 })
                #expect(answer.type == "UnauthorizedClientException")
            }
            _ = session
        }
    }

    @Test("every decision of a person is in the trail, and without that nothing is allowed")
    func decisions() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken()
        try await portal.run { client in
            let id = try await register(client, device: true)
            let first = try await begin(client, id)
            try await decide(client, session, first.userCode, "deny", "Nothing was allowed")
            let second = try await begin(client, id)
            portal.trail.fail(with: .init(.unavailable, reason: "DOWN", message: "down"))
            try await decide(client, session, second.userCode, "allow", "does not answer")
            portal.trail.fail(with: nil)
            #expect(try await poll(client, id, second).type == "AuthorizationPendingException")
            try await decide(client, session, second.userCode, "allow", "is signed in")
            // What cannot be recorded is not given, and can be asked for again.
            portal.trail.fail(with: .init(.unavailable, reason: "DOWN", message: "down"))
            portal.now += 1
            #expect(try await poll(client, id, second).type == "InternalServerException")
            portal.trail.fail(with: nil)
            #expect(try await poll(client, id, second).status == .ok)
        }
        let decisions = portal.trail.events.filter { $0.eventName == "AuthorizeClient" }
        #expect(
            decisions.map { $0.requestParametersJson.contains(#""decision":"allow""#) } == [
                false, true,
            ])
        #expect(decisions.allSatisfy { $0.actor.userName == "alix@example.com" })
    }

    @Test("so many devices wait for one client, and no more")
    func waiting() async throws {
        let portal = try TestPortal()
        try await portal.run { client in
            let id = try await register(client, device: true)
            var last: Answer?
            for _ in 0..<51 {
                portal.now += 1
                last = try await post(
                    client, "/device_authorization", id.merging(["startUrl": TestPortal.url]) { $1 }
                )
            }
            #expect(last?.type == "SlowDownException")
        }
        #expect(Network.of("2001:db8:1:2:3::4") == Network.of("2001:db8:1:2::9"))
        #expect(Network.of("2001:db8:1:2::1") != Network.of("2001:db8:1:3::1"))
        #expect(Network.of("::ffff:10.0.0.1") != Network.of("::ffff:10.0.0.2"))
        #expect(Network.of("10.0.0.1") != Network.of("10.0.0.2"))
    }

    @Test("registrations of one address are limited")
    func limits() async throws {
        try await TestPortal().run { client in
            var last = Answer(status: .ok, type: nil, body: [:])
            for _ in 0..<21 { last = try await post(client, "/client/register", registration()) }
            #expect(last.type == "SlowDownException")
        }
    }
}

// MARK: - A program, as the CLI is one

extension OAuthTests {
    struct Answer {
        let status: HTTPResponse.Status
        let type: String?
        let body: [String: Any]
    }

    struct DeviceStart {
        let deviceCode, userCode: String
    }

    private func registration(device: Bool = false, scopes: Bool = true) -> [String: Any] {
        var body: [String: Any] = ["clientName": "botocore-client-test", "clientType": "public"]
        if scopes { body["scopes"] = ["sso:account:access"] }
        if !device {
            body["grantTypes"] = ["authorization_code", "refresh_token"]
            body["redirectUris"] = [Self.redirect]
            body["issuerUrl"] = TestPortal.url + "/start"
        }
        return body
    }

    private func post(
        _ client: any TestClientProtocol, _ path: String, _ body: [String: Any]
    ) async throws -> Answer {
        let data = try JSONSerialization.data(withJSONObject: body)
        return try await client.execute(
            uri: path, method: .post, headers: [.contentType: "application/json"],
            body: ByteBuffer(bytes: data)
        ) { response in
            let object = try JSONSerialization.jsonObject(
                with: Data(response.body.readableBytesView))
            return Answer(
                status: response.status, type: response.headers[.amazonErrorType],
                body: object as? [String: Any] ?? [:])
        }
    }

    private func register(
        _ client: any TestClientProtocol, device: Bool = false, scopes: Bool = true
    ) async throws -> [String: String] {
        let answer = try await post(
            client, "/client/register", registration(device: device, scopes: scopes))
        #expect(answer.status == .ok)
        return [
            "clientId": try #require(answer.body["clientId"] as? String),
            "clientSecret": try #require(answer.body["clientSecret"] as? String),
        ]
    }

    private func query(_ id: [String: String]) -> [String: String] {
        let hash = (try? SHA256.hash(Array(Self.verifier.utf8))) ?? []
        return [
            "response_type": "code", "client_id": id["clientId"] ?? "",
            "redirect_uri": "http://127.0.0.1:5000/oauth/callback", "state": "s-1",
            "code_challenge_method": "S256", "scope": "sso:account:access",
            "code_challenge": Base64URL.encode(hash),
        ]
    }

    /// The code that comes back to the program.
    private func allow(
        _ client: any TestClientProtocol, _ id: [String: String], _ session: String
    ) async throws -> String {
        var query = query(id)
        try await client.execute(
            uri: "/authorize?" + String(buffer: TestPortal.form(query)), method: .get,
            headers: TestPortal.cookie(session)
        ) {
            #expect($0.status == .ok)
            #expect(String(buffer: $0.body).contains("botocore-client-test"))
            #expect(
                $0.headers[.contentSecurityPolicy]?.contains(
                    "form-action 'self' http://127.0.0.1:5000;")
                    == true)
        }
        query["decision"] = "allow"
        return try await client.execute(
            uri: "/authorize", method: .post, headers: TestPortal.formHeaders(session),
            body: TestPortal.form(query, csrf: session)
        ) { response in
            let location = try #require(response.headers[.location])
            let parts = try #require(URLComponents(string: location))
            #expect(parts.port == 5_000)
            #expect(parts.queryItems?.first { $0.name == "state" }?.value == "s-1")
            return try #require(parts.queryItems?.first { $0.name == "code" }?.value)
        }
    }

    private func exchange(_ id: [String: String], _ code: String) -> [String: String] {
        id.merging([
            "grantType": "authorization_code", "code": code, "codeVerifier": Self.verifier,
            "redirectUri": "http://127.0.0.1:5000/oauth/callback",
        ]) { $1 }
    }

    private func accounts(
        _ client: any TestClientProtocol, _ token: String
    ) async throws -> HTTPResponse.Status {
        try await client.execute(
            uri: "/assignment/accounts", method: .get, headers: [.bearerToken: token]
        ) { $0.status }
    }

    private func begin(
        _ client: any TestClientProtocol, _ id: [String: String]
    ) async throws -> DeviceStart {
        let answer = try await post(
            client, "/device_authorization",
            id.merging(["startUrl": TestPortal.url + "/start"]) { $1 })
        #expect(answer.body["verificationUri"] as? String == TestPortal.url + "/device")
        #expect(answer.body["expiresIn"] as? Int == 600)
        return DeviceStart(
            deviceCode: try #require(answer.body["deviceCode"] as? String),
            userCode: try #require(answer.body["userCode"] as? String))
    }

    private func poll(
        _ client: any TestClientProtocol, _ id: [String: String], _ start: DeviceStart
    ) async throws -> Answer {
        try await post(
            client, "/token",
            id.merging([
                "grantType": "urn:ietf:params:oauth:grant-type:device_code",
                "deviceCode": start.deviceCode,
            ]) { $1 })
    }

    private func decide(
        _ client: any TestClientProtocol, _ session: String, _ code: String, _ decision: String,
        _ shows: String
    ) async throws {
        try await client.execute(
            uri: "/device", method: .post, headers: TestPortal.formHeaders(session),
            body: TestPortal.form(["user_code": code, "decision": decision], csrf: session)
        ) { #expect(String(buffer: $0.body).contains(shows)) }
    }
}
