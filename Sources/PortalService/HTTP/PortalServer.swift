import Foundation
import Hummingbird
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOSSL
import ServiceKit

/// Serves the routes over TLS, HTTP/1.1 and HTTP/2.
struct PortalServer: Sendable {
    static let headerBytesMax = 16 << 10
    static let headerCountMax = 64
    /// More than these wait in the kernel until others have ended.
    static let connectionsMax = 8_192
    let features: PortalFeatures

    /// Serves until cancelled. Without an address for HTTPS it only waits.
    ///
    /// Throws when the certificate cannot be read or the address is taken.
    func run() async throws {
        let configuration = features.services.configuration
        guard let address = configuration.httpsListen else {
            features.services.logger.warning("no HTTPS listener is configured (listen.https)")
            while true { try await Task.sleep(for: .seconds(3_600)) }
        }
        let application = Application(
            router: features.router(),
            server: try .http2Upgrade(
                tlsConfiguration: try tlsConfiguration(), configuration: limits),
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port), serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionsMax)),
            onServerRunning: { [logger = features.services.logger] channel in
                logger.info(
                    "the portal serves HTTPS",
                    metadata: ["address": "\(channel.localAddress?.description ?? "unknown")"])
            },
            logger: features.services.logger)
        try await application.run()
    }

    /// TLS 1.2 or later with the certificate that `portolan pki region` made.
    private func tlsConfiguration() throws -> TLSConfiguration {
        let configuration = features.services.configuration
        let folder = "\(configuration.pkiDirectory)/regions/\(configuration.region)/https"
        let chain = try NIOSSLCertificate.fromPEMFile("\(folder)/certificate.pem")
        let key = try NIOSSLPrivateKey(file: "\(folder)/key.pem", format: .pem)
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        tls.minimumTLSVersion = .tlsv12
        return tls
    }

    /// Idle connections end after a minute; headers are bounded.
    private var limits: HTTP2UpgradeChannel.Configuration {
        let streams = HTTP1Channel.Configuration(
            idleTimeout: .seconds(60),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: Self.headerBytesMax, maxHeaderListSize: Self.headerBytesMax * 2,
                maxHeaderFieldCount: Self.headerCountMax))
        return HTTP2UpgradeChannel.Configuration(
            idleTimeout: .seconds(60), gracefulCloseTimeout: .seconds(5),
            streamConfiguration: streams)
    }
}
