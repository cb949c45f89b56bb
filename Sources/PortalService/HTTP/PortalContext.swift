import Foundation
import Hummingbird
import Logging
import NIOCore
import RPC

/// What a route knows of its request besides the request itself.
struct PortalContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Address of the peer, without port, or of whom trusted proxies pass on; "unknown" when there is
    /// no socket (tests).
    var sourceAddress: String
    /// Shown on error pages and in logs, carried into the trail.
    let requestID: String

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        sourceAddress = source.channel.remoteAddress?.ipAddress ?? "unknown"
        requestID = RandomID.make()
        logger[metadataKey: "request-id"] = "\(requestID)"
    }
}
