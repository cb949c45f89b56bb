import NIOCore
import Synchronization
import Testing

@testable import RPC

/// Several addresses of one service, and when a call is sent again.
@Suite("Connection pools", .timeLimit(.minutes(1)))
struct PoolTests {
    private let request = ByteBuffer(string: "x")

    private func servers(_ count: Int) async throws -> [TestServer] {
        let pki = try TestPKI()
        var servers: [TestServer] = []
        for _ in 0..<count { servers.append(try await TestServer(pki: pki)) }
        return servers
    }

    private func client(
        _ servers: [TestServer], _ configuration: ClientConfiguration = .standard
    ) throws -> RPCClient {
        RPCClient(
            addresses: servers.map(\.address), expected: TestServer.directory,
            tls: try TLSIdentityStore(servers[0].pki.identity(TestServer.portal)),
            group: TestServer.group, configuration: configuration)
    }

    private func calls(_ server: TestServer) async -> UInt64 {
        await server.server.metrics().calls.values.reduce(0) { $0 + $1.calls }
    }

    private func call(
        _ client: RPCClient, _ method: MethodDescriptor = TestMethods.echo,
        _ options: CallOptions = .standard
    ) async throws {
        _ = try await client.unary(method, request: request, options: options)
    }

    // MARK: - When a call is sent again

    private static func policy(
        _ method: MethodDescriptor, hasOthers: Bool = false, waits: Bool = false,
        deadline: Deadline = .after(.seconds(10))
    ) -> RetryPolicy {
        var options = CallOptions.standard
        options.waitsForServer = waits
        return RetryPolicy(.standard, method, options, deadline, hasOthers: hasOthers)
    }

    private func isAgain(_ decision: RetryPolicy.Decision) -> Bool {
        if case .again = decision { true } else { false }
    }

    @Test("what may have run is sent again only if it is idempotent, and three times at most")
    func whatIsSafe() {
        let lost = RPCError(.unavailable, reason: "CONNECTION_LOST", message: "")
        let ran = CallFailure(error: lost, mayHaveRun: true)
        let unseen = CallFailure(error: lost, mayHaveRun: false)
        var once = Self.policy(TestMethods.slow)
        #expect(!isAgain(once.failed(ran)))
        var unseenOnce = Self.policy(TestMethods.slow)
        #expect(isAgain(unseenOnce.failed(unseen)))
        var idempotent = Self.policy(TestMethods.echo)
        #expect(isAgain(idempotent.failed(ran)))
        #expect(isAgain(idempotent.failed(ran)))
        #expect(!isAgain(idempotent.failed(ran)))
        var late = Self.policy(TestMethods.echo, deadline: .after(.zero))
        #expect(!isAgain(late.failed(ran)))
    }

    @Test("what the service refuses is not sent again, unless there is another address")
    func refusals() {
        let busy = RPCError(.unavailable, reason: "STATE_LOADING", message: "")
        let wrong = RPCError(.invalidArgument, reason: "X", message: "")
        var alone = Self.policy(TestMethods.echo)
        #expect(!isAgain(alone.failed(CallFailure(error: busy, mayHaveRun: true))))
        var several = Self.policy(TestMethods.echo, hasOthers: true)
        #expect(isAgain(several.failed(CallFailure(error: busy, mayHaveRun: true))))
        #expect(!isAgain(several.failed(CallFailure(error: wrong, mayHaveRun: true))))
        var risky = Self.policy(TestMethods.slow, hasOthers: true)
        #expect(!isAgain(risky.failed(CallFailure(error: busy, mayHaveRun: true))))
    }

    @Test("a call that waits for its server is sent again as often as that turns it away unseen")
    func waitsForOneThatStops() {
        let stopping = RPCError(.unavailable, reason: "SERVER_STOPPING", message: "")
        let unseen = CallFailure(error: stopping, mayHaveRun: false)
        var waiting = Self.policy(TestMethods.slow, waits: true)
        for _ in 0..<20 { #expect(isAgain(waiting.failed(unseen))) }
        #expect(!isAgain(waiting.failed(CallFailure(error: stopping, mayHaveRun: true))))
        var late = Self.policy(TestMethods.slow, waits: true, deadline: .after(.zero))
        #expect(!isAgain(late.failed(unseen)))
        let busy = RPCError(.unavailable, reason: "STATE_LOADING", message: "")
        let refused = CallFailure(error: busy, mayHaveRun: false)
        var refusing = Self.policy(TestMethods.slow, waits: true)
        #expect(!isAgain(refusing.failed(refused)))
    }

    @Test("pauses double up to the maximum, and half of each is chance")
    func backOff() {
        let configuration = ClientConfiguration.standard
        for failures in 1...40 {
            let whole = min(
                configuration.backOffMin * (1 << min(failures - 1, 16)), configuration.backOffMax)
            for _ in 0..<50 {
                let pause = configuration.backOff(failures: failures)
                #expect(pause >= whole / 2 && pause <= whole)
            }
        }
        let pauses = Set((0..<50).map { _ in configuration.backOff(failures: 5) })
        #expect(pauses.count > 10)
    }

    // MARK: - Several addresses

    @Test("calls are spread over all addresses")
    func spread() async throws {
        let servers = try await servers(3)
        let client = try client(servers)
        for _ in 0..<60 { try await call(client) }
        #expect(
            await eventually {
                try? await call(client)
                var fewest = UInt64.max
                for server in servers { fewest = min(fewest, await calls(server)) }
                return fewest >= 10
            })
        await client.close()
        for server in servers { await server.server.shutDown(drain: .zero) }
    }

    @Test("an address that is down costs no call, and is used again when it is back")
    func oneDown() async throws {
        var servers = try await servers(2)
        let client = try client(servers)
        for _ in 0..<20 { try await call(client) }
        let gone = servers[0].address.port
        await servers[0].server.shutDown(drain: .seconds(5))
        // Not idempotent: a call that was lost would fail.
        for _ in 0..<50 { try await call(client, TestMethods.identify) }
        servers[0] = try await TestServer(port: gone, pki: servers[1].pki)
        let back = servers[0]
        #expect(
            await eventually {
                try? await call(client)
                return await calls(back) > 0
            })
        await client.close()
        for server in servers { await server.server.shutDown(drain: .zero) }
    }

    @Test("an address whose server cannot answer is avoided")
    func unwell() async throws {
        let servers = try await servers(2)
        servers[0].service.isUnavailable.withLock { $0 = true }
        var configuration = ClientConfiguration.standard
        (configuration.backOffMin, configuration.backOffMax) = (.seconds(30), .seconds(30))
        let client = try client(servers, configuration)
        for _ in 0..<40 { try await call(client, TestMethods.moody) }
        // It is asked until it has said no once or twice.
        #expect(await calls(servers[0]) <= 2)
        #expect(await calls(servers[1]) >= 40)
        await client.close()
        for server in servers { await server.server.shutDown(drain: .zero) }
    }

    // MARK: - Waiting

    private final class Progress: Sendable {
        let isDone = Mutex(false)
        let answered = Mutex(0)

        /// Until twenty calls more have been answered.
        func waitForMore() async throws {
            let before = answered.withLock { $0 }
            guard await eventually({ self.answered.withLock { $0 } >= before + 20 }) else {
                throw Unexpected()
            }
        }
    }

    @Test("a call that waits is answered once the server is there, and fails when its time is up")
    func waiting() async throws {
        let first = try await TestServer()
        let client = try first.client()
        await first.server.shutDown(drain: .zero)
        var options = CallOptions(timeout: .milliseconds(200), waitsForServer: true)
        let late = await failure { try await call(client, TestMethods.slow, options) }
        #expect(late?.code == .unavailable || late?.code == .deadlineExceeded)
        options.timeout = .seconds(10)
        let waiting = options
        async let answer: Void = call(client, TestMethods.identify, waiting)
        try await Task.sleep(for: .milliseconds(100))
        let second = try await TestServer(port: first.address.port, pki: first.pki)
        try await answer
        await client.close()
        await second.server.shutDown(drain: .zero)
    }

    @Test("a server that is restarted again and again loses no call of clients that wait")
    func rollingRestart() async throws {
        var server = try await TestServer()
        let port = server.address.port
        let client = try server.client()
        let progress = Progress()
        let failures = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var failures: [String] = []
                    while !progress.isDone.withLock({ $0 }), !Task.isCancelled {
                        do {
                            try await call(
                                client, TestMethods.identify,
                                CallOptions(timeout: .seconds(10), waitsForServer: true))
                            progress.answered.withLock { $0 += 1 }
                        } catch { failures.append("\(error)") }
                    }
                    return failures
                }
            }
            for _ in 0..<3 {
                try await progress.waitForMore()
                await server.server.shutDown(drain: .seconds(5))
                server = try await TestServer(port: port, pki: server.pki)
            }
            try await progress.waitForMore()
            progress.isDone.withLock { $0 = true }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(failures == [])
        await client.close()
        await server.server.shutDown(drain: .zero)
    }
}
