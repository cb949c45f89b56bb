import HTTPTypes
import Hummingbird
import HummingbirdTesting
import ServiceKit
import Testing

@testable import PortalService

@Suite("Whom trusted proxies pass on")
struct ForwardedAddressTests {
    private func middleware(
        _ header: PortalSettings.ForwardedHeader = .xForwardedFor
    ) throws -> ForwardedAddress {
        var settings = PortalSettings()
        settings.trustedProxies = [
            try #require(AddressBlock("10.0.0.0/8")), try #require(AddressBlock("2001:db8::/64")),
        ]
        settings.forwardedHeader = header
        return ForwardedAddress(settings: settings)
    }

    private func client(
        _ peer: String, _ lines: [String], _ header: PortalSettings.ForwardedHeader = .xForwardedFor
    ) throws -> String {
        var fields = HTTPFields()
        for line in lines {
            fields.append(
                HTTPField(name: header == .forwarded ? .forwarded : .xForwardedFor, value: line))
        }
        return try middleware(header).client(behind: peer, fields)
    }

    @Test("a peer that is not trusted is taken for itself, whatever it writes")
    func untrusted() throws {
        #expect(try client("192.0.2.1", ["198.51.100.1"]) == "192.0.2.1")
        #expect(try client("unknown", ["198.51.100.1"]) == "unknown")
    }

    @Test("what a caller writes before the proxy does is not looked at")
    func spoofed() throws {
        #expect(try client("10.0.0.1", ["127.0.0.1, 198.51.100.1"]) == "198.51.100.1")
        #expect(try client("10.0.0.1", ["127.0.0.1", "198.51.100.1"]) == "198.51.100.1")
        // The other header is anybody's.
        #expect(
            try middleware(.forwarded).client(
                behind: "10.0.0.1", [.xForwardedFor: "198.51.100.1"]) == "10.0.0.1")
    }

    @Test("what cannot be read is not believed, nor anything before it")
    func unreadable() throws {
        #expect(try client("10.0.0.1", ["198.51.100.1, unknown"]) == "10.0.0.1")
        #expect(try client("10.0.0.1", ["198.51.100.1, _hidden, 10.0.0.2"]) == "10.0.0.2")
        #expect(try client("10.0.0.1", [""]) == "10.0.0.1")
        #expect(try client("10.0.0.1", ["198.51.100.1;by=10.0.0.1"], .forwarded) == "10.0.0.1")
    }

    @Test("proxies in a row are passed over, ports and brackets as well")
    func chain() throws {
        #expect(try client("10.0.0.1", ["198.51.100.1, 10.0.0.3,10.0.0.2"]) == "198.51.100.1")
        #expect(try client("10.0.0.1", ["198.51.100.1:4711"]) == "198.51.100.1")
        #expect(try client("10.0.0.1", ["2001:db8:1::5"]) == "2001:db8:1::5")
        #expect(
            try client(
                "2001:db8::1", ["for=\"[2001:db8:1::5]:4711\";proto=https, For=10.1.1.1"],
                .forwarded) == "2001:db8:1::5")
    }

    @Test("the trail and the page of a device show the address that a trusted proxy names")
    func page() async throws {
        let program = OAuthProgram()
        var settings = PortalSettings()
        settings.trustedProxies = [
            try #require(AddressBlock("127.0.0.1")), try #require(AddressBlock("::1")),
        ]
        let portal = try TestPortal(settings: settings)
        let session = try await portal.sessionToken()
        let application = Application(router: portal.features.router())
        try await application.test(.live) { client in
            let id = try await program.register(client, device: true)
            let start = try await program.begin(
                client, id, headers: [.xForwardedFor: "203.0.113.9"])
            try await client.execute(
                uri: "/device?user_code=\(start.userCode)", method: .get,
                headers: TestPortal.cookie(session)
            ) { #expect(String(buffer: $0.body).contains("203.0.113.9")) }
        }
    }

    @Test("where sign-in of devices is switched off there is no page for it, and no code")
    func noDevices() async throws {
        let program = OAuthProgram()
        var settings = PortalSettings()
        settings.deviceAuthorization = false
        let portal = try TestPortal(settings: settings)
        let session = try await portal.sessionToken()
        try await portal.run { client in
            let id = try await program.register(client, device: true)
            let refused = try await program.post(
                client, "/device_authorization",
                id.merging(["startUrl": TestPortal.url + "/start"]) { $1 })
            #expect(refused.type == "UnauthorizedClientException")
            try await client.execute(
                uri: "/device", method: .get, headers: TestPortal.cookie(session)
            ) { #expect($0.status == .notFound) }
        }
    }
}
