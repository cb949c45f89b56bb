import NIOCore

@testable import RPC

/// The ways a call can travel. What every one of them does alike is tested on each.
enum Transport: CaseIterable {
    case inProcess
    case native
    case http2

    /// Runs a test with a channel to a fresh service.
    func with(_ body: (any CallChannel, TestService) async throws -> Void) async throws {
        let (channel, service, server) = try await open()
        do {
            try await body(channel, service)
        } catch {
            await channel.close()
            await server?.shutDown(drain: .zero)
            throw error
        }
        await channel.close()
        await server?.shutDown(drain: .zero)
    }

    private func open() async throws -> (any CallChannel, TestService, RPCServer?) {
        guard self != .inProcess else {
            let service = TestService()
            let channel = InProcessTransport(
                methods: service.table(), authorization: TestService.rules(),
                peer: TestServer.portal)
            return (channel, service, nil)
        }
        let server = try await TestServer()
        let channel: any CallChannel =
            self == .native ? try server.client() : try await server.http2()
        return (channel, server.service, server.server)
    }
}
