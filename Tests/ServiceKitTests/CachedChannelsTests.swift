import NIOCore
import RPC
import Synchronization
import Testing

@testable import ServiceKit

@Suite("Channels")
struct CachedChannelsTests {
    private final class Probe: CallChannel {
        let closed = Mutex(0)

        func unary(
            _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
        ) async throws -> ByteBuffer { request }

        func serverStreaming(
            _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
        ) async throws -> PayloadStream { PayloadStream { nil } }

        func close() async { closed.withLock { $0 += 1 } }
    }

    @Test("one channel per service and Region, closed once, none afterwards")
    func cached() async throws {
        let made = Mutex<[Probe]>([])
        let channels = CachedChannels { _, _ in
            let probe = Probe()
            made.withLock { $0.append(probe) }
            return probe
        }
        _ = try channels.channel(to: .keys, in: "eu-central-1")
        _ = try channels.channel(to: .keys, in: "eu-central-1")
        _ = try channels.channel(to: .keys, in: "eu-west-1")
        #expect(made.withLock { $0.count } == 2)
        await channels.close()
        #expect(made.withLock { $0.allSatisfy { $0.closed.withLock { $0 } == 1 } })
        #expect(throws: RPCError.self) { try channels.channel(to: .keys, in: "eu-west-1") }
    }
}
