package import Logging
package import NIOCore
package import RPC

extension CachedChannels {
    /// Channels over mutual TLS; each expects its server to be the service it was asked for.
    ///
    /// `addresses` gives none for a service it does not know.
    package convenience init(
        tls: TLSIdentityStore, group: any EventLoopGroup,
        configuration: ClientConfiguration = .standard, logger: Logger,
        addresses: @escaping @Sendable (ServiceName, String) throws -> [ServiceAddress]
    ) {
        self.init { service, region in
            let found = try addresses(service, region)
            guard !found.isEmpty else {
                throw RPCError(
                    .unavailable, reason: "ADDRESS_UNKNOWN",
                    message: "No address of the \(service.rawValue) service in \(region) is known.")
            }
            return RPCClient(
                addresses: found.map { RPCAddress(host: $0.host, port: $0.port) },
                expected: .service(name: service.rawValue, region: region), tls: tls,
                group: group, configuration: configuration, logger: logger)
        }
    }
}
