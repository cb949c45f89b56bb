import Foundation
import Testing

@testable import ServiceKit

@Suite("Addresses, and how the portal is reached")
struct PortalSettingsTests {
    @Test(
        "what is no block of addresses is none",
        arguments: [
            "", "proxy.example", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.1/8",
            "10.0.0.0/", "2001:db8::1/32", "10.1", "::/129",
        ])
    func malformed(text: String) {
        #expect(AddressBlock(text) == nil)
    }

    @Test("a block contains what begins alike, of its own family")
    func contains() throws {
        let block = try #require(AddressBlock("10.16.0.0/12"))
        for inside in ["10.16.0.1", "10.31.255.255", "::ffff:10.20.0.1"] {
            #expect(block.contains(try #require(IPAddress(inside))), "\(inside)")
        }
        for outside in ["10.32.0.0", "10.15.255.255", "::10.16.0.1", "2001:db8::1"] {
            #expect(!block.contains(try #require(IPAddress(outside))), "\(outside)")
        }
        let long = try #require(AddressBlock("2001:db8::/32"))
        #expect(long.contains(try #require(IPAddress("2001:DB8:0:1::2"))))
        #expect(!long.contains(try #require(IPAddress("2001:db9::2"))))
        let one = try #require(AddressBlock("127.0.0.1"))
        #expect(!one.contains(try #require(IPAddress("127.0.0.2"))))
    }

    @Test("an address has one notation")
    func notation() {
        #expect(IPAddress("::ffff:192.0.2.1")?.description == "192.0.2.1")
        #expect(IPAddress("2001:DB8:0:0::1")?.description == "2001:db8::1")
        #expect(IPAddress("localhost") == nil)
    }

    private func load(_ portal: [String: Any]) async throws -> PortalSettings {
        let object: [String: Any] = [
            "region": "eu-central-1", "trustDomain": "portolan.test", "accountID": "111122223333",
            "dataDirectory": "/nowhere", "pki": ["directory": "/nowhere"], "portal": portal,
        ]
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try JSONSerialization.data(withJSONObject: object).write(to: file)
        return try await RegionConfiguration.load(file: file.path).portal
    }

    @Test(
        "nobody is trusted, and devices may be signed in, unless the configuration says otherwise")
    func defaults() async throws {
        #expect(try await load([:]) == PortalSettings())
        #expect(PortalSettings().trustedProxies.isEmpty)
        let set = try await load([
            "trustedProxies": ["10.0.0.0/8", "2001:db8::7"], "forwardedHeader": "Forwarded",
            "deviceAuthorization": false,
        ])
        #expect(set.trustedProxies.count == 2)
        #expect(set.forwardedHeader == .forwarded)
        #expect(!set.deviceAuthorization)
    }

    @Test("names of hosts and unknown headers are refused")
    func refused() async throws {
        let name = await #expect(throws: ConfigurationError.self) {
            _ = try await load(["trustedProxies": ["balancer.example"]])
        }
        #expect(name?.key == "portal.trustedProxies")
        let header = await #expect(throws: ConfigurationError.self) {
            _ = try await load(["forwardedHeader": "x-real-ip"])
        }
        #expect(header?.key == "portal.forwardedHeader")
    }
}
