import Logging
import NIOCore
import NIOPosix

@testable import RPC

/// A server on loopback with a PKI of its own.
struct TestServer: Sendable {
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    static let directory = PeerIdentity.service(name: "directory", region: "eu-west-1")
    static let portal = PeerIdentity.service(name: "portal", region: "eu-west-1")

    let service = TestService()
    let pki: TestPKI
    let server: RPCServer
    let address: RPCAddress

    init(limits: ServerLimits = .standard, port: Int = 0, pki: TestPKI? = nil) async throws {
        let pki = try pki ?? TestPKI()
        self.pki = pki
        server = RPCServer(
            methods: service.table(), authorization: TestService.rules(),
            tls: try TLSIdentityStore(pki.identity(Self.directory)), limits: limits)
        address = try await server.start(
            group: Self.group, address: RPCAddress(host: "127.0.0.1", port: port))
    }

    /// A server at a port that another one is about to give up. Throws what `init` says after five
    /// seconds of that.
    static func succeeding(_ first: TestServer) async throws -> TestServer {
        for _ in 0..<100 {
            if let server = try? await TestServer(port: first.address.port, pki: first.pki) {
                return server
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        return try await TestServer(port: first.address.port, pki: first.pki)
    }

    func client(
        as peer: PeerIdentity = portal, expecting expected: PeerIdentity = directory,
        identity: TLSIdentity? = nil, configuration: ClientConfiguration = .standard
    ) throws -> RPCClient {
        RPCClient(
            addresses: [address], expected: expected,
            tls: try TLSIdentityStore(identity ?? pki.identity(peer)), group: Self.group,
            configuration: configuration)
    }

    /// The same service over HTTP/2.
    func http2(as peer: PeerIdentity = portal) async throws -> HTTP2Channel {
        try await HTTP2Channel.open(address, identity: pki.identity(peer))
    }
}
