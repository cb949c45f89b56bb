import Foundation
import NIOCore
import Synchronization
import Testing

@testable import RPC

/// Sources/CPortolan against the server of this runtime.
@Suite("C client", .timeLimit(.minutes(1)))
struct CClientTests {
    private func with(
        _ limits: ServerLimits = .standard, expecting: PeerIdentity = TestServer.directory,
        _ body: (CClient, TestServer) async throws -> Void
    ) async throws {
        let server = try await TestServer(limits: limits)
        let client = try CClient(
            server.address.description, server.pki.identity(TestServer.portal),
            expecting: expecting)
        do {
            try await body(client, server)
        } catch {
            client.close()
            await server.server.shutDown(drain: .zero)
            throw error
        }
        client.close()
        await server.server.shutDown(drain: .zero)
    }

    private func failure(_ body: () async throws -> Void) async -> CClient.Failure? {
        do {
            try await body()
            return nil
        } catch { return error as? CClient.Failure }
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func count(_ number: UInt32, padded: Bool = false) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) } + (padded ? [1] : [])
    }

    // MARK: - Failures

    @Test("a server that is not the expected one gets no call")
    func wrongServer() async throws {
        let keys = PeerIdentity.service(name: "keys", region: "eu-west-1")
        try await with(expecting: keys) { client, server in
            let error = await failure { _ = try await client.call(TestMethods.echo, [1]) }
            #expect(error?.reason == "WRONG_SERVER")
            #expect(await server.server.metrics().calls.isEmpty)
        }
    }

    @Test("a server under another root, and a caller under another, are refused")
    func strangers() async throws {
        let server = try await TestServer()
        let other = try TestPKI()
        let trustsOther = try server.pki.identity(
            uris: [TestServer.portal.spiffeID(trustDomain: TestPKI.trustDomain)], trusting: other)
        let isOther = try other.identity(
            uris: [TestServer.portal.spiffeID(trustDomain: TestPKI.trustDomain)],
            trusting: server.pki)
        for identity in [trustsOther, isOther] {
            let client = try CClient(server.address.description, identity)
            let error = await failure { _ = try await client.call(TestMethods.echo, [1]) }
            #expect(error?.code == 14)
            client.close()
        }
        await server.server.shutDown(drain: .zero)
    }

    @Test("an identity that cannot be read is said so when the client is made")
    func noIdentity() async throws {
        let pki = try TestPKI()
        var identity = try pki.identity(TestServer.portal)
        identity.privateKey = try pki.identity(TestServer.portal).privateKey
        let broken = identity
        let error = await failure { _ = try CClient("127.0.0.1:1", broken) }
        #expect(error?.reason == "TLS_IDENTITY")
    }

    @Test("nobody there, or only at a later address")
    func addresses() async throws {
        let server = try await TestServer()
        let identity = try server.pki.identity(TestServer.portal)
        let nobody = try CClient("127.0.0.1:1", identity)
        let error = await failure { _ = try await nobody.call(TestMethods.echo, [1]) }
        #expect(error?.reason == "CANNOT_CONNECT")
        nobody.close()
        let second = try CClient("127.0.0.1:1,\(server.address)", identity)
        #expect(try await second.call(TestMethods.echo, [7]) == [7])
        second.close()
        await server.server.shutDown(drain: .zero)
    }

    @Test("a refusal keeps code, reason, message and facts")
    func refusal() async throws {
        try await with { client, _ in
            let error = await failure { _ = try await client.call(TestMethods.fail, []) }
            #expect(
                error
                    == CClient.Failure(
                        code: 9, reason: "NOT_PRIMARY", message: "Write elsewhere.",
                        facts: ["primary-region": "eu-west-1"]))
            let denied = await failure { _ = try await client.call(TestMethods.forbidden, []) }
            #expect(denied?.code == 7)
            let unknown = await failure { _ = try await client.call(TestMethods.missing, []) }
            #expect(unknown?.code == 12)
        }
    }

    @Test("what takes too long ends at its deadline, and the connection goes on")
    func deadline() async throws {
        try await with { client, server in
            _ = try await client.call(TestMethods.echo, [0])
            let error = await failure {
                _ = try await client.call(TestMethods.hang, [], timeout: 200)
            }
            #expect(error?.code == 4)
            #expect(await eventually { server.service.cancelled.withLock { $0 } == 1 })
            let late = await failure {
                _ = try await client.stream(TestMethods.tail, [], timeout: 200)
            }
            #expect(late?.code == 4)
            let echoed = try await client.call(TestMethods.echo, [1])
            #expect(echoed == [1])
            #expect(await server.server.metrics().connectionsAccepted == 1)
        }
    }

    @Test("a request over the limit is not sent, an answer over it is refused")
    func large() async throws {
        try await with { client, _ in
            let most = [UInt8](repeating: 3, count: 4 << 20)
            let echoed = try await client.call(TestMethods.echo, most)
            #expect(echoed == most)
            let more = await failure { _ = try await client.call(TestMethods.echo, most + [1]) }
            #expect(more?.reason == "MESSAGE_TOO_LARGE")
            let answer = await failure {
                _ = try await client.call(TestMethods.large, count((4 << 20) + 1))
            }
            #expect(answer?.reason == "ANSWER_TOO_LARGE")
        }
    }

    // MARK: - Calls

    @Test("many threads share one connection, also beyond what the server takes at once")
    func threads() async throws {
        var limits = ServerLimits.standard
        limits.streamsPerConnectionMax = 4
        try await with(limits) { client, server in
            let answers = try await withThrowingTaskGroup(of: [[UInt8]].self) { group in
                for thread in UInt8(0)..<16 {
                    group.addTask {
                        var answers: [[UInt8]] = []
                        for number in UInt8(0)..<25 {
                            let method = number % 2 == 0 ? TestMethods.echo : TestMethods.fast
                            answers.append(try await client.call(method, [thread, number]))
                        }
                        return answers
                    }
                }
                return try await group.reduce(into: Set<[UInt8]>()) { $0.formUnion($1) }
            }
            #expect(answers.count == 16 * 25)
            #expect(await server.server.metrics().connectionsAccepted == 1)
        }
    }

    @Test("a streamed answer larger than the credit arrives whole and in order")
    func streaming() async throws {
        try await with { client, _ in
            let messages = try await client.stream(TestMethods.count, count(1_000, padded: true))
            #expect(messages.count == 1_000)
            #expect(messages.enumerated().allSatisfy { Array($1.prefix(4)) == count(UInt32($0)) })
            #expect(messages.allSatisfy { $0.count == 4_100 })
            #expect(try await client.stream(TestMethods.count, count(0)).isEmpty)
        }
    }

    @Test("the server waits for a slow reader")
    func slowReader() async throws {
        try await with { client, server in
            let messages = try await client.stream(
                TestMethods.count, count(4_000, padded: true), limit: 10,
                pause: .milliseconds(20))
            #expect(messages.count == 10)
            // 1 MiB of credit is some 255 messages.
            #expect(server.service.written.withLock { $0 } < 600)
        }
    }

    @Test("letting go of a stream cancels its handler")
    func cancel() async throws {
        try await with { client, server in
            let messages = try await client.stream(TestMethods.tail, [], limit: 1)
            #expect(messages == [bytes("first")])
            #expect(await eventually { server.service.cancelled.withLock { $0 } == 1 })
        }
    }

    // MARK: - Streamed requests

    @Test("a request that is refused, too large or unpaid for ends the call")
    func refusedRequests() async throws {
        try await with { client, server in
            let stopped = await failure {
                _ = try await client.send(TestMethods.collect, [bytes("a"), bytes("stop")])
            }
            #expect(stopped?.reason == "STOPPED")
            let large = await failure {
                _ = try await client.send(
                    TestMethods.collect, [[UInt8](repeating: 0, count: 4 << 20 + 1)])
            }
            #expect(large?.reason == "MESSAGE_TOO_LARGE")
            // Nobody reads them: there is credit for a few only.
            let late = await failure {
                _ = try await client.send(
                    TestMethods.ignore,
                    Array(repeating: [UInt8](repeating: 0, count: 100_000), count: 10),
                    timeout: 300)
            }
            #expect(late?.reason == "DEADLINE_EXCEEDED")
            let open = await failure {
                _ = try await client.send(
                    TestMethods.collect, [bytes("a")], timeout: 300, isEnded: false)
            }
            #expect(open?.reason == "DEADLINE_EXCEEDED")
            let answer = try await client.call(TestMethods.echo, [1])
            #expect(answer == [1])
            #expect(await server.server.metrics().connectionsAccepted == 1)
        }
    }

    @Test("streamed requests beyond the credit arrive whole; none and empty ones are fine")
    func requests() async throws {
        try await with { client, _ in
            let request = [UInt8](repeating: 7, count: 10_000)
            let many = try await client.send(
                TestMethods.collect, Array(repeating: request, count: 200))
            #expect(many.answers == [bytes("200 2000000")])
            #expect(try await client.send(TestMethods.collect, []).answers == [bytes("0 0")])
            #expect(try await client.send(TestMethods.collect, [[]]).answers == [bytes("1 0")])
        }
    }

    @Test("an answer before the last request ends the sending")
    func earlyAnswer() async throws {
        try await with { client, _ in
            let request = [UInt8](repeating: 7, count: 10_000)
            let early = try await client.send(
                TestMethods.first, Array(repeating: request, count: 2_000))
            #expect(early.answers == [request])
            #expect(early.sent < 2_000)
        }
    }

    @Test("requests and answers are streamed together")
    func chat() async throws {
        try await with { client, _ in
            // No more than what both credits let be under way: they are read after the last is sent.
            let requests = (0..<50).map { bytes("request \($0)") }
            let answers = try await client.send(TestMethods.chat, requests).answers
            #expect(answers == requests)
        }
    }

    // MARK: - Ends of connections

    @Test("draining cuts nothing, and the next call finds the server that came after")
    func drain() async throws {
        let server = try await TestServer()
        let client = try CClient(
            server.address.description, server.pki.identity(TestServer.portal))
        let call = Task { try await client.call(TestMethods.slow, bytes("kept")) }
        #expect(await eventually { server.service.running.withLock { $0 } == 1 })
        async let stopped: Void = server.server.shutDown(drain: .seconds(10))
        let second = try await TestServer.succeeding(server)
        #expect(try await client.call(TestMethods.echo, [2]) == [2])
        server.service.release()
        #expect(try await call.value == bytes("kept"))
        await stopped
        #expect(try await client.call(TestMethods.echo, [3]) == [3])
        client.close()
        await second.server.shutDown(drain: .zero)
    }

    @Test("a call that was cut off is sent again only if it is idempotent")
    func lost() async throws {
        let server = try await TestServer()
        let client = try CClient(
            server.address.description, server.pki.identity(TestServer.portal))
        #expect(try await client.call(TestMethods.echo, [1]) == [1])
        let call = Task { await failure { _ = try await client.call(TestMethods.hang, []) } }
        try await Task.sleep(for: .milliseconds(50))
        await server.server.shutDown(drain: .zero)
        #expect(await call.value?.code == 14)
        client.close()
    }
}
