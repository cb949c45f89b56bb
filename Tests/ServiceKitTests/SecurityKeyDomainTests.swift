import Foundation
import Testing

@testable import ServiceKit

@Suite("The domain of security keys in the configuration")
struct SecurityKeyDomainTests {
    private func load(_ domain: String?) async throws -> RegionConfiguration {
        var object = [
            "region": "eu-central-1", "trustDomain": "portolan.test", "accountID": "111122223333",
            "dataDirectory": "/nowhere", "portalURL": "https://eu.portal.example.com:8443",
        ]
        object["securityKeyDomain"] = domain
        var whole: [String: Any] = object
        whole["pki"] = ["directory": "/nowhere"]
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try JSONSerialization.data(withJSONObject: whole).write(to: file)
        return try await RegionConfiguration.load(file: file.path)
    }

    @Test(
        "a domain that the portal is not in is refused",
        arguments: ["example.org", "portal.example.co", "ample.com", "x.eu.portal.example.com"])
    func foreign(domain: String) async throws {
        let error = await #expect(throws: ConfigurationError.self) { try await load(domain) }
        #expect(error?.key == "securityKeyDomain")
    }

    @Test(
        "the portal's host and the domains above it are taken",
        arguments: ["eu.portal.example.com", "portal.example.com", "example.com"])
    func own(domain: String) async throws {
        #expect(try await load(domain).securityKeyDomain == domain)
    }

    @Test("it need not be given")
    func absent() async throws {
        #expect(try await load(nil).securityKeyDomain.isEmpty)
    }
}
