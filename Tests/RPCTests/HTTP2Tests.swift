import NIOCore
import NIOHPACK
import NIOHTTP2
import Synchronization
import Testing

@testable import RPC

/// What only the wire of HTTP/2 has.
@Suite("gRPC over HTTP/2", .timeLimit(.minutes(1)))
struct HTTP2Tests {
    private func with(
        _ limits: ServerLimits = .standard, as peer: PeerIdentity = TestServer.portal,
        _ body: (HTTP2Channel, TestServer) async throws -> Void
    ) async throws {
        let server = try await TestServer(limits: limits)
        let channel = try await server.http2(as: peer)
        do {
            try await body(channel, server)
        } catch {
            await channel.close()
            await server.server.shutDown(drain: .zero)
            throw error
        }
        await channel.close()
        await server.server.shutDown(drain: .zero)
    }

    private func headers(
        _ method: MethodDescriptor, _ changes: [String: String] = [:]
    ) -> HPACKHeaders {
        var rest = changes
        var headers = HPACKHeaders()
        for (name, value, _) in HTTP2Channel.headers(method.fullName) {
            headers.add(name: name, value: rest.removeValue(forKey: name) ?? value)
        }
        for (name, value) in rest { headers.add(name: name, value: value) }
        return headers
    }

    private func once(_ text: String) -> RequestProducer {
        { try await $0.write(ByteBuffer(string: text)) }
    }

    // MARK: - Requests that are none

    @Test(
        "what is not gRPC gets a bare HTTP status",
        arguments: [
            ([":method": "GET"], "405"), (["content-type": "application/json"], "415"),
            (["content-type": "application/grpc-web"], "415"),
        ])
    func notGRPC(_ changes: [String: String], _ status: String) async throws {
        try await with { channel, _ in
            let answer = try await channel.exchange(
                headers(TestMethods.echo, changes), once("x"))
            #expect(answer.value(":status") == status)
            #expect(answer.value("grpc-status") == nil)
        }
    }

    @Test(
        "a malformed timeout is refused",
        arguments: ["", "1", "S", "123456789S", "1x", "-1S", "+1S", "1.5S"])
    func malformedTimeout(_ text: String) async throws {
        #expect(GRPCRequestHead.timeout(text) == nil)
        try await with { channel, _ in
            let answer = try await channel.exchange(
                headers(TestMethods.echo, ["grpc-timeout": text]), once("x"))
            #expect(answer.error?.code == .invalidArgument)
            #expect(answer.error?.reason == "TIMEOUT")
        }
    }

    @Test("an unknown compression is refused, and what is understood is said")
    func compressed() async throws {
        try await with { channel, _ in
            let answer = try await channel.exchange(
                headers(TestMethods.echo, ["grpc-encoding": "snappy"]), once("x"))
            #expect(answer.error?.code == .unimplemented)
            #expect(answer.value("grpc-accept-encoding") == "identity,gzip")
        }
    }

    @Test("no message, or two, are refused where one is due")
    func cardinality() async throws {
        try await with { channel, _ in
            for count in [0, 2] {
                let answer = try await channel.exchange(headers(TestMethods.echo)) { writer in
                    for _ in 0..<count { try await writer.write(ByteBuffer(string: "x")) }
                }
                #expect(answer.error?.reason == "WRONG_CALL_KIND")
            }
        }
    }

    @Test("headers over the limit end the connection")
    func largeHeaders() async throws {
        try await with { channel, _ in
            var large = headers(TestMethods.echo)
            for number in 0..<20 {
                large.add(name: "x-\(number)", value: String(repeating: "a", count: 1000))
            }
            await #expect(throws: RPCError.self) { try await channel.exchange(large, once("x")) }
            #expect(await eventually { !channel.connection.isActive })
        }
    }

    @Test("a flood of pings ends the connection")
    func pingFlood() async throws {
        try await with { channel, _ in
            for number in 0..<1_100 {
                let ping = HTTP2Frame(
                    streamID: .rootStream,
                    payload: .ping(HTTP2PingData(withInteger: UInt64(number)), ack: false))
                channel.connection.write(ping, promise: nil)
            }
            channel.connection.flush()
            #expect(await eventually { !channel.connection.isActive })
        }
    }

    @Test("a certificate that names nobody is turned away")
    func nobody() async throws {
        let server = try await TestServer()
        let channel = try await HTTP2Channel.open(
            server.address, identity: server.pki.identity(uris: []))
        await #expect(throws: RPCError.self) {
            try await channel.exchange(headers(TestMethods.echo), once("x"))
        }
        #expect(await eventually { !channel.connection.isActive })
        await server.server.shutDown(drain: .zero)
    }

    // MARK: - Answers

    @Test("a failure has its reason and metadata in the status details")
    func details() async throws {
        try await with { channel, _ in
            let answer = try await channel.exchange(headers(TestMethods.fail), once("x"))
            #expect(answer.value(":status") == "200")
            #expect(answer.value("grpc-status") == "9")
            #expect(answer.value("grpc-message") == "Write elsewhere.")
            #expect(answer.value("primary-region") == "eu-west-1")
            let details = try #require(answer.details)
            #expect(details.status.code == 9)
            #expect(details.status.message == "Write elsewhere.")
            #expect(
                details.status.details.map(\.typeURL) == [
                    "type.googleapis.com/google.rpc.ErrorInfo"
                ])
            #expect(details.info.domain == "portolan")
            #expect(details.info.reason == "NOT_PRIMARY")
            #expect(details.info.metadata == ["primary-region": "eu-west-1"])
        }
    }

    @Test("messages for people are percent-encoded")
    func percentEncoding() {
        #expect(GRPCStatus.percentEncoded("100% of Zoë\n") == "100%25 of Zo%C3%AB%0A")
        #expect(GRPCStatus.percentEncoded("plain") == "plain")
    }

    @Test("binary metadata arrives as base64, gRPC's own headers do not")
    func metadata() async throws {
        try await with { channel, _ in
            let answer = Mutex("")
            let result = try await channel.exchange(
                headers(
                    TestMethods.identify,
                    ["a-bin": "AAEC", "user-agent": "test", "grpc-timeout": "5S"]), once("x")
            ) { message in answer.withLock { $0 = String(buffer: message) } }
            #expect(result.error == nil)
            #expect(
                answer.withLock { $0 }
                    == #"service/portal@eu-west-1 [(key: "a-bin", value: "AAEC")]"#)
        }
    }

    @Test("messages are found wherever the data is split")
    func splitting() throws {
        let messages = ["", "a", String(repeating: "b", count: 300)].map { ByteBuffer(string: $0) }
        var whole = ByteBuffer()
        for message in messages { whole.writeImmutableBuffer(GRPCMessageBuffer.framed(message)) }
        for cut in 0...whole.readableBytes {
            var buffer = GRPCMessageBuffer()
            var found: [ByteBuffer] = []
            var rest = whole
            for part in [rest.readSlice(length: cut), rest] {
                if let part { buffer.append(part) }
                while let message = try buffer.next(.standard) { found.append(message) }
            }
            #expect(found == messages)
            #expect(buffer.heldBytes == 0)
        }
    }

    @Test("a peer may send what is not held, and always the rest of a message")
    func windows() {
        let size = HTTP2Connection.streamWindowBytes
        let call = HTTP2Call(id: 1, started: .now(), admitted: nil)
        #expect(call.windowIncrement == 0)
        call.window = size / 2
        #expect(call.windowIncrement == size / 2)
        call.heldBytes = size / 2
        #expect(call.windowIncrement == 0)
        call.window = 0
        call.heldBytes = size
        #expect(call.windowIncrement == 0)
        call.received.append(ByteBuffer(bytes: [0, 0, 0x10, 0, 0, 1]))
        #expect(call.windowIncrement == (1 << 20) - 1)
        call.isComplete = true
        #expect(call.windowIncrement == 0)
    }

    @Test("calls are counted as on the native wire")
    func figures() async throws {
        try await with { channel, server in
            for method in [TestMethods.fast, TestMethods.echo] {
                _ = try await channel.unary(
                    method, request: ByteBuffer(string: "four"), options: .standard)
            }
            _ = await failure {
                try await channel.unary(
                    TestMethods.forbidden, request: ByteBuffer(), options: .standard)
            }
            let calls = await server.server.metrics().calls
            for method in [TestMethods.fast, TestMethods.echo] {
                let key = RPCMetrics.Key(method: method.fullName, peer: TestServer.portal)
                #expect(calls[key]?.byStatus[0] == 1)
                #expect(calls[key]?.requestBytes == 4)
                #expect(calls[key]?.responseBytes == 4)
                #expect(calls[key]?.inFlight == 0)
            }
            let denied = RPCMetrics.Key(
                method: TestMethods.forbidden.fullName, peer: TestServer.portal)
            #expect(calls[denied]?.byStatus[7] == 1)
        }
    }

    // MARK: - Ends

    @Test("a server that drains finishes what is under way and takes nothing new")
    func drain() async throws {
        try await with { channel, server in
            let call = Task {
                try await channel.unary(
                    TestMethods.slow, request: ByteBuffer(string: "x"), options: .standard)
            }
            #expect(await eventually { server.service.running.withLock { $0 } == 1 })
            let stopped = Task { await server.server.shutDown(drain: .seconds(10)) }
            // Told to go elsewhere, so a new call is refused by either side.
            #expect(
                await eventually {
                    (try? await channel.unary(
                        TestMethods.fast, request: ByteBuffer(), options: .standard)) == nil
                })
            server.service.release()
            let answer = try await call.value
            #expect(answer == ByteBuffer(string: "x"))
            await stopped.value
            #expect(await eventually { !channel.connection.isActive })
        }
    }

    @Test("a connection without calls is drained at once, though its peer answers no ping")
    func drainOfSilent() async throws {
        // On a busy machine one may take longer; those that wait for the answer all do.
        var quickest = Duration.seconds(60)
        for _ in 0..<4 where quickest >= .milliseconds(900) {
            quickest = min(quickest, try await timeOfDrainOfSilent())
        }
        #expect(quickest < .milliseconds(900))
    }

    private func timeOfDrainOfSilent() async throws -> Duration {
        let took = Mutex(Duration.zero)
        try await with { _, server in
            let silent = try await SilentPeer.connect(
                server.address, identity: server.pki.identity(TestServer.portal))
            let time = await ContinuousClock().measure {
                await server.server.shutDown(drain: .seconds(10))
            }
            took.withLock { $0 = time }
            try await silent.closeFuture.get()
        }
        return took.withLock { $0 }
    }

    @Test("a connection without calls is closed")
    func idle() async throws {
        var limits = ServerLimits.standard
        limits.idleTimeout = .milliseconds(200)
        try await with(limits) { channel, _ in
            #expect(await eventually { !channel.connection.isActive })
        }
    }

    @Test("a silent peer with a call under way is asked, and lives if it answers")
    func keepAlive() async throws {
        var limits = ServerLimits.standard
        limits.keepAliveInterval = .seconds(2)
        try await with(limits) { channel, server in
            // The client answers pings, so the call lives on.
            let call = Task {
                try await channel.unary(
                    TestMethods.slow, request: ByteBuffer(string: "x"), options: .standard)
            }
            #expect(await eventually { server.service.running.withLock { $0 } == 1 })
            try await Task.sleep(for: .milliseconds(4_500))
            server.service.release()
            let answer = try await call.value
            #expect(answer == ByteBuffer(string: "x"))
        }
    }
}
