package import Logging
package import NIOCore
package import RPC

extension CachedChannels {
    /// Channels over mutual TLS; each expects its server to be the service it was asked for.
    ///
    /// `address` gives nil for a service it does not know.
    package convenience init(
        tls: TLSIdentityStore, group: any EventLoopGroup,
        configuration: ClientConfiguration = .standard, logger: Logger,
        address: @escaping @Sendable (ServiceName, String) throws -> ServiceAddress?
    ) {
        self.init { service, region in
            guard let found = try address(service, region) else {
                throw RPCError(
                    .unavailable, reason: "ADDRESS_UNKNOWN",
                    message: "No address of the \(service.rawValue) service in \(region) is known.")
            }
            return RPCClient(
                addresses: [RPCAddress(host: found.host, port: found.port)],
                expected: .service(name: service.rawValue, region: region), tls: tls,
                group: group, configuration: configuration, logger: logger)
        }
    }
}
