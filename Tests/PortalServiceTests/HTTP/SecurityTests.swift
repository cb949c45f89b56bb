import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import PortalService

@Suite("What stands before every page")
struct SecurityTests {
    @Test(
        "every answer carries the strict policy",
        arguments: ["/start", "/nothing-here", "/healthz", "/assets/portal.css", "/saml/metadata"])
    func headers(path: String) async throws {
        try await TestPortal().run { client in
            try await client.execute(uri: path, method: .get) { response in
                let policy = try #require(response.headers[.contentSecurityPolicy])
                #expect(policy.hasPrefix("default-src 'none'; style-src 'self'"))
                #expect(policy.contains("frame-ancestors 'none'"))
                #expect(!policy.contains("unsafe"))
                #expect(!policy.contains("script"))
                #expect(response.headers[.strictTransportSecurity] != nil)
                #expect(response.headers[.xContentTypeOptions] == "nosniff")
            }
        }
    }

    @Test("an unknown page is a friendly 404 with a reference")
    func unknownPage() async throws {
        try await TestPortal().run { client in
            try await client.execute(uri: "/nothing-here", method: .get) { response in
                #expect(response.status == .notFound)
                let reference = try #require(response.headers[.requestID])
                #expect(String(buffer: response.body).contains(reference))
            }
        }
    }

    @Test("a form without the session's token is refused")
    func missingToken() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        let other = try await portal.sessionToken()
        try await portal.run { client in
            for csrf in [nil, other] {
                try await client.execute(
                    uri: "/sign-out", method: .post, headers: TestPortal.formHeaders(token),
                    body: TestPortal.form([:], csrf: csrf)
                ) { response in
                    #expect(response.status == .forbidden)
                    #expect(response.headers[.setCookie] == nil)
                }
            }
        }
    }

    @Test("a form from another origin is refused", arguments: ["https://evil.example", "null", ""])
    func otherOrigin(origin: String) async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        try await portal.run { client in
            var headers = TestPortal.formHeaders(token, origin: origin)
            if origin.isEmpty { headers[.origin] = nil }
            try await client.execute(
                uri: "/credentials", method: .post, headers: headers,
                body: TestPortal.form(
                    ["account_id": TestPortal.accountID, "role": "ReadOnly"], csrf: token)
            ) { #expect($0.status == .forbidden) }
        }
        #expect(!portal.trail.names.contains("GetRoleCredentials"))
    }

    @Test("a body over the limit is refused")
    func largeBody() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        try await portal.run { client in
            try await client.execute(
                uri: "/sign-out", method: .post, headers: TestPortal.formHeaders(token),
                body: ByteBuffer(string: "a=" + String(repeating: "b", count: 20_000))
            ) { #expect($0.status == .contentTooLarge) }
        }
    }

    @Test("a body that comes in drops is given up")
    func slowBody() async throws {
        let (body, source) = RequestBody.makeStream()
        let request = Request(
            head: .init(method: .post, scheme: "https", authority: "x", path: "/"), body: body)
        let read = Task { try await request.boundedBody(1_000, within: .zero) }
        await source.yield(ByteBuffer(string: "a"))
        source.finish()
        await #expect(throws: PortalFailure.self) { try await read.value }
    }

    @Test("a field sent twice is refused")
    func duplicateField() {
        #expect(throws: PortalFailure.self) { try Form(encoded: "a=1&a=2") }
        #expect(throws: PortalFailure.self) { try Form(encoded: "a=%zz") }
    }

    @Test(
        "a way back leads nowhere else",
        arguments: [
            "https://evil.example/", "//evil.example", "/\\evil.example", "\\/evil.example",
            "javascript:alert(1)", "/start\r\nSet-Cookie: a=b", "", "start", "/sign-in",
            "/sign-out?x", "/saml/acs",
        ])
    func openRedirect(path: String) { #expect(LocalPath(path) == .start) }

    @Test("a way back within the portal is kept")
    func localPath() {
        #expect(LocalPath("/console/users?search=a%20b").value == "/console/users?search=a%20b")
    }

    @Test("a cookie sent twice does not count")
    func duplicateCookie() {
        let request = Request(
            head: .init(
                method: .get, scheme: "https", authority: "x", path: "/",
                headerFields: [.cookie: "\(PortalCookie.session)=a; \(PortalCookie.session)=b"]),
            body: .init(buffer: ByteBuffer()))
        #expect(request.cookie(PortalCookie.session) == nil)
    }
}
