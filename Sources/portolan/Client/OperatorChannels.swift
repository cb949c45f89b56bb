import Foundation
import NIOPosix
import RPC
import ServiceKit
import X509

/// Channels an operator's commands use.
struct OperatorChannels: ServiceChannels {
    private let channels: CachedChannels

    /// Reads the operator's certificate and key. Throws `PKIError`.
    init(_ context: OperatorContext) throws {
        let files = IdentityFiles(certificate: context.certificate, key: context.key)
        let identity = try ServiceIdentity.loadOperator(
            files, roots: context.roots, trustDomain: context.trustDomain)
        channels = CachedChannels(
            tls: try TLSIdentityStore(identity), group: MultiThreadedEventLoopGroup.singleton,
            logger: .silent
        ) { service, region in try context.addresses(of: service, in: region) }
    }

    func channel(to service: ServiceName, in region: String) throws -> any CallChannel {
        try channels.channel(to: service, in: region)
    }

    func close() async { await channels.close() }
}
