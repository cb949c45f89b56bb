import ArgumentParser
import AsyncHTTPClient
import Contracts
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// From the request to end a session in one Region to the refusal of its token in another.
struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Revoke sessions here and try their tokens elsewhere.")

    @OptionGroup var target: Target
    @Option(help: "https://host:port of the other Region's portal, which is on 127.0.0.1.")
    var portal: String
    @Option(help: "PEM file of the certificates to trust.") var trust: String
    @Option(help: "Session ID and token, one pair a line.") var sessions: String
    @Option var callers = 4

    func run() async throws {
        let pairs = try String(contentsOfFile: sessions, encoding: .utf8)
            .split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        let client = PortalSessionsClient(try target.client("portal", connections: 1))
        var configuration = HTTPClient.Configuration(
            certificateVerification: .fullVerification)
        configuration.tlsConfiguration = TLSConfiguration.makeClientConfiguration()
        configuration.tlsConfiguration?.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMFile(trust))
        guard let host = URL(string: portal)?.host else {
            throw ValidationError("--portal is https://host:port.")
        }
        configuration.dnsOverride = [host: "127.0.0.1"]
        let http = HTTPClient(configuration: configuration)
        let clock = ContinuousClock()
        let portal = portal
        let next = Atomic(0)
        // Bounded by the sessions there are: a caller that finds none is done.
        let result = await CallerPool.measure(callers: callers, seconds: 60, limit: pairs.count) {
            _ in
            let number = next.add(1, ordering: .relaxed).oldValue
            let (session, token) = (pairs[number][0], pairs[number][1])
            guard try await Self.status(http, portal, token) == 200 else {
                throw ValidationError("The session is not valid before it is revoked.")
            }
            let began = clock.now
            var request = PortalRevokeSessionRequest()
            request.sessionID = session
            _ = try await client.revokeSession(request)
            while try await Self.status(http, portal, token) != 401 {
                guard clock.now - began < .seconds(20) else {
                    throw ValidationError("The session is still valid after 20 seconds.")
                }
                try await Task.sleep(for: .milliseconds(1))
            }
            return clock.now - began
        }
        try await http.shutdown()
        try result.report()
    }

    private static func status(
        _ http: HTTPClient, _ portal: String, _ token: String
    ) async throws -> Int {
        var request = HTTPClientRequest(url: portal + "/assignment/accounts")
        request.headers.add(name: "x-amz-sso_bearer_token", value: token)
        let answer = try await http.execute(request, timeout: .seconds(10))
        _ = try await answer.body.collect(upTo: 1 << 20)
        return Int(answer.status.code)
    }
}
