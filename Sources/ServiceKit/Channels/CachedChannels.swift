package import RPC
import Synchronization

/// Keeps one channel per service and Region, made when first asked for.
package final class CachedChannels: ServiceChannels {
    private struct Key: Hashable {
        let service: ServiceName
        let region: String
    }

    private struct State {
        var channels: [Key: any CallChannel] = [:]
        var isClosed = false
    }

    private let make: @Sendable (ServiceName, String) throws -> any CallChannel
    private let state = Mutex(State())

    /// `make` must not connect by itself; it throws UNAVAILABLE ADDRESS_UNKNOWN.
    package init(
        _ make: @escaping @Sendable (ServiceName, String) throws -> any CallChannel
    ) { self.make = make }

    package func channel(
        to service: ServiceName, in region: String
    ) throws -> any CallChannel {
        try state.withLock { state in
            guard !state.isClosed else {
                throw RPCError(
                    .cancelled, reason: "CHANNEL_CLOSED", message: "The channels were closed.")
            }
            let key = Key(service: service, region: region)
            if let channel = state.channels[key] { return channel }
            let channel = try make(service, region)
            state.channels[key] = channel
            return channel
        }
    }

    /// Closes all channels; asking for one afterwards is refused.
    package func close() async {
        let channels = state.withLock { state in
            state.isClosed = true
            defer { state.channels = [:] }
            return Array(state.channels.values)
        }
        for channel in channels { await channel.close() }
    }
}
