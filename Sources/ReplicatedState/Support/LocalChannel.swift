package import NIOCore
package import RPC
package import ServiceKit

/// A channel that is looked up when it is used, so that a missing address fails the call and not the
/// start of the service.
package struct LocalChannel: CallChannel {
    private let channels: any ServiceChannels
    private let service: ServiceName
    private let region: String

    package init(_ channels: any ServiceChannels, to service: ServiceName, in region: String) {
        self.channels = channels
        self.service = service
        self.region = region
    }

    package func unary(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> ByteBuffer {
        try await channels.channel(to: service, in: region)
            .unary(method, request: request, options: options)
    }

    package func serverStreaming(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> PayloadStream {
        try await channels.channel(to: service, in: region)
            .serverStreaming(method, request: request, options: options)
    }

    /// Does nothing: the channel is shared and belongs to `ServiceChannels`.
    package func close() async {}
}
