import NIOCore
import NIOSSL
import Synchronization

/// What a process shows of itself on a connection, and whom it trusts. PEM.
package struct TLSIdentity: Sendable {
    /// The process's own certificate first, then its issuers up to but not including the root.
    package var certificateChain: [UInt8]
    package var privateKey: [UInt8]
    /// Roots that peers' certificates must lead to.
    package var trustRoots: [UInt8]
    /// The authority part of SPIFFE IDs, "portolan.example".
    package var trustDomain: String

    package init(
        certificateChain: [UInt8], privateKey: [UInt8], trustRoots: [UInt8], trustDomain: String
    ) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.trustRoots = trustRoots
        self.trustDomain = trustDomain
    }

    /// TLS 1.3 with certificates on both sides and the given protocols of the application.
    fileprivate func configuration(isServer: Bool, protocols: [String]) throws -> TLSConfiguration {
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(certificateChain)
            let key = try NIOSSLPrivateKey(bytes: privateKey, format: .pem)
            let roots = try NIOSSLCertificate.fromPEMBytes(trustRoots)
            guard !chain.isEmpty, !roots.isEmpty else { throw TLSIdentityError.empty }
            var configuration =
                isServer
                ? TLSConfiguration.makeServerConfiguration(
                    certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
                : TLSConfiguration.makeClientConfiguration()
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(key)
            configuration.trustRoots = .certificates(roots)
            // Names are checked against the SPIFFE ID after the handshake, not against DNS.
            configuration.certificateVerification = .noHostnameVerification
            configuration.minimumTLSVersion = .tlsv13
            configuration.shutdownTimeout = .seconds(1)
            configuration.applicationProtocols = protocols
            return configuration
        } catch {
            throw RPCError(
                .failedPrecondition, reason: "TLS_IDENTITY",
                message: "The certificate, its key or the trust roots cannot be read as PEM.",
                cause: error)
        }
    }

    private enum TLSIdentityError: Error { case empty }
}

/// The identity that new connections use. Replacing it leaves open connections alone.
package final class TLSIdentityStore: Sendable {
    private struct Contexts {
        var server: NIOSSLContext
        var client: NIOSSLContext
        var trustDomain: String
    }

    /// ALPN of the native wire.
    static let nativeProtocol = "portolan-rpc/1"
    /// ALPN of gRPC over HTTP/2.
    static let http2Protocol = "h2"

    private let contexts: Mutex<Contexts>

    /// Throws: FAILED_PRECONDITION TLS_IDENTITY when something does not parse or key and certificate
    /// do not belong together.
    package init(_ identity: TLSIdentity) throws {
        contexts = Mutex(try Self.contexts(identity))
    }

    /// Uses another identity from the next connection on. On failure the old one stays.
    package func replace(_ identity: TLSIdentity) throws {
        let fresh = try Self.contexts(identity)
        contexts.withLock { $0 = fresh }
    }

    package var trustDomain: String { contexts.withLock { $0.trustDomain } }
    var serverContext: NIOSSLContext { contexts.withLock { $0.server } }
    var clientContext: NIOSSLContext { contexts.withLock { $0.client } }

    private static func contexts(_ identity: TLSIdentity) throws -> Contexts {
        let server = try identity.configuration(
            isServer: true, protocols: [nativeProtocol, http2Protocol])
        let client = try identity.configuration(isServer: false, protocols: [nativeProtocol])
        do {
            return Contexts(
                server: try NIOSSLContext(configuration: server),
                client: try NIOSSLContext(configuration: client),
                trustDomain: identity.trustDomain)
        } catch {
            throw RPCError(
                .failedPrecondition, reason: "TLS_IDENTITY",
                message: "The certificate and the private key do not belong together.",
                cause: error)
        }
    }
}
