import ArgumentParser
import Foundation
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import RPC

/// Where the services are and who calls: the operator's context file, or one service's identity.
struct Target: ParsableArguments {
    @Option(help: "The operator's context file (portolan context create).")
    var context: String

    @Option(help: "Region to measure.")
    var region: String

    @Option(help: "Call as this service of the Region: its directory below the PKI's.")
    var identity: String?

    struct File: Decodable {
        let trustDomain: String
        let certificate: String
        let key: String
        let roots: String
        let regions: [String: [String: String]]
    }

    func file() throws -> File {
        try JSONDecoder().decode(File.self, from: Data(contentsOf: URL(fileURLWithPath: context)))
    }

    func address(of service: String) throws -> SocketAddress {
        let text = try file().regions[region]?[service] ?? ""
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = Int(parts[1]) else {
            throw ValidationError("The context has no address of \(service) in \(region).")
        }
        return try SocketAddress.makeAddressResolvingHost(String(parts[0]), port: port)
    }

    private func path(_ name: String) -> String {
        name.hasPrefix("/")
            ? name
            : URL(fileURLWithPath: context)
                .deletingLastPathComponent().appendingPathComponent(name).path
    }

    func tlsIdentity() throws -> TLSIdentity {
        let file = try file()
        func bytes(_ name: String) throws -> [UInt8] {
            Array(try Data(contentsOf: URL(fileURLWithPath: name)))
        }
        let certificate = identity.map { "\($0)/certificate.pem" } ?? path(file.certificate)
        let key = identity.map { "\($0)/key.pem" } ?? path(file.key)
        return TLSIdentity(
            certificateChain: try bytes(certificate), privateKey: try bytes(key),
            trustRoots: try bytes(path(file.roots)), trustDomain: file.trustDomain)
    }

    /// A client of the runtime itself.
    func client(
        _ service: String, in other: String? = nil, connections: Int
    ) throws -> RPCClient {
        let region = other ?? region
        let text = try file().regions[region]?[service] ?? ""
        guard let address = RPCAddress(text) else {
            throw ValidationError("The context has no address of \(service) in \(region).")
        }
        var configuration = ClientConfiguration.standard
        configuration.connections = connections
        return RPCClient(
            addresses: [address], expected: .service(name: service, region: region),
            tls: try TLSIdentityStore(tlsIdentity()), group: MultiThreadedEventLoopGroup.singleton,
            configuration: configuration, logger: Logger(label: "bench"))
    }

    /// TLS as any client of the protocol sets it up.
    ///
    /// `verifying` is false for an echo that shows this client's own certificate, which is none of a
    /// server; what is measured begins after the handshake.
    func tlsContext(alpn: String, verifying: Bool = true) throws -> NIOSSLContext {
        let identity = try tlsIdentity()
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateChain =
            try NIOSSLCertificate.fromPEMBytes(identity.certificateChain).map { .certificate($0) }
        configuration.privateKey = .privateKey(
            try NIOSSLPrivateKey(bytes: identity.privateKey, format: .pem))
        configuration.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(identity.trustRoots))
        configuration.certificateVerification = verifying ? .noHostnameVerification : .none
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = [alpn]
        return try NIOSSLContext(configuration: configuration)
    }
}
