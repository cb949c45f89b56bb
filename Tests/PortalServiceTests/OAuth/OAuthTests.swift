import Contracts
import Cryptography
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import Testing

@testable import PortalService

@Suite("Sign-in of programs")
struct OAuthTests {
    typealias Answer = OAuthProgram.Answer
    let program = OAuthProgram()

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
            let id = try await program.register(client)
            let answer = try await program.post(
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
            var id = try await program.register(client)
            let other = try await program.register(client)
            id["clientSecret"] = other["clientSecret"]
            for request in [id, ["clientId": "x", "clientSecret": "y"], [:]] {
                let answer = try await program.post(
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
            let id = try await program.register(client)
            portal.now += 90 * 86_400 + 1
            let answer = try await program.post(
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
            var query = program.query(try await program.register(client))
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
            var query = program.query(try await program.register(client))
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
            var query = program.query(try await program.register(client))
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
            let id = try await program.register(client)
            let code = try await program.allow(client, id, session)
            var request = program.exchange(id, code)
            switch kind {
            case "used":
                #expect(try await program.post(client, "/token", request).status == .ok)
            case "old": portal.now += 61
            case "client": request = program.exchange(try await program.register(client), code)
            case "address": request["redirectUri"] = OAuthProgram.redirect
            case "verifier": request["codeVerifier"] = String(repeating: "w", count: 50)
            default: request["code"] = "0"
            }
            let answer = try await program.post(client, "/token", request)
            #expect(answer.status == .badRequest)
            #expect(answer.type == "InvalidGrantException")
            #expect(answer.body["error"] as? String == "invalid_grant")
            guard kind != "unknown" else { return }
            // A code that was tried in vain is spent.
            let again = try await program.post(client, "/token", program.exchange(id, code))
            #expect(again.type == "InvalidGrantException")
        }
    }

    // MARK: - Given

    @Test("a program gets tokens that the portal's API takes, and no page does")
    func program() async throws {
        let portal = try TestPortal()
        let session = try await portal.sessionToken(seconds: 7_200)
        try await portal.run { client in
            let id = try await program.register(client)
            let answer = try await program.post(
                client, "/token", program.exchange(id, try await program.allow(client, id, session))
            )
            #expect(answer.status == .ok)
            #expect(answer.body["tokenType"] as? String == "Bearer")
            #expect(answer.body["expiresIn"] as? Int == 3_600)
            let access = try #require(answer.body["accessToken"] as? String)
            #expect(try await program.accounts(client, access) == .ok)
            try await client.execute(
                uri: "/start", method: .get, headers: TestPortal.cookie(access)
            ) { #expect($0.status == .seeOther) }
            let event = try #require(portal.trail.events.first { $0.eventName == "CreateToken" })
            #expect(event.actor.userName == "alix@example.com")
            #expect(event.requestParametersJson.contains("authorization_code"))
            // Neither token is the other.
            let refresh = try #require(answer.body["refreshToken"] as? String)
            #expect(try await program.accounts(client, refresh) == .unauthorized)
            let wrong = try await program.post(
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
            let id = try await program.register(client)
            let first = try await program.post(
                client, "/token", program.exchange(id, try await program.allow(client, id, session))
            )
            let refresh = try #require(first.body["refreshToken"] as? String)
            let access = try #require(first.body["accessToken"] as? String)
            portal.now += 3_601
            #expect(try await program.accounts(client, access) == .unauthorized)
            func renew(_ id: [String: String]) async throws -> Answer {
                try await program.post(
                    client, "/token",
                    id.merging(["grantType": "refresh_token", "refreshToken": refresh]) { $1 })
            }
            let second = try await renew(id)
            #expect(second.body["expiresIn"] as? Int == 1_799)
            let renewed = try #require(second.body["accessToken"] as? String)
            #expect(try await program.accounts(client, renewed) == .ok)
            #expect(
                try await renew(try await program.register(client)).type == "InvalidGrantException")
            portal.now += 1_800
            #expect(try await program.accounts(client, renewed) == .unauthorized)
            #expect(try await renew(id).type == "InvalidGrantException")
        }
    }

    @Test("with the session everything ends: by sign-out of the program or in the browser")
    func revoked() async throws {
        for byProgram in [true, false] {
            let portal = try TestPortal()
            let session = try await portal.sessionToken()
            try await portal.run { client in
                let id = try await program.register(client)
                let answer = try await program.post(
                    client, "/token",
                    program.exchange(id, try await program.allow(client, id, session)))
                let access = try #require(answer.body["accessToken"] as? String)
                let refresh = try #require(answer.body["refreshToken"] as? String)
                let code = try await program.allow(client, id, session)
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
                #expect(try await program.accounts(client, access) == .unauthorized)
                #expect(try await program.accounts(client, session) == .unauthorized)
                for request in [
                    program.exchange(id, code),
                    id.merging(["grantType": "refresh_token", "refreshToken": refresh]) { $1 },
                ] {
                    #expect(
                        try await program.post(client, "/token", request).type
                            == "InvalidGrantException")
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
            let id = try await program.register(client)
            let code = try await program.allow(client, id, session)
            portal.directory.setEnabled(TestPortal.userID, false)
            let answer = try await program.post(client, "/token", program.exchange(id, code))
            #expect(answer.type == "InvalidGrantException")
        }
    }
}
