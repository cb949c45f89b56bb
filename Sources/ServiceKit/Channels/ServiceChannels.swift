public import RPC

/// Finds the channel to a service, in this Region or another.
public protocol ServiceChannels: Sendable {
    /// Channels are shared and kept; asking again gives the same one.
    ///
    /// Throws UNAVAILABLE ADDRESS_UNKNOWN when no address is configured.
    func channel(to service: ServiceName, in region: String) throws -> any CallChannel
}

/// Channels given as a closure, for wiring and tests.
public struct ClosureChannels: ServiceChannels {
    private let find: @Sendable (ServiceName, String) throws -> any CallChannel

    public init(_ find: @escaping @Sendable (ServiceName, String) throws -> any CallChannel) {
        self.find = find
    }

    public func channel(to service: ServiceName, in region: String) throws -> any CallChannel {
        try find(service, region)
    }
}
