import NIOCore
import Synchronization
import Testing

@testable import RPC

/// Starting, stopping, losing and finding each other again.
@Suite("lifecycle", .timeLimit(.minutes(1)))
struct LifecycleTests {
    @Test("a server whose table does not fit its methods does not start")
    func tableDiffers() async throws {
        let pki = try TestPKI()
        var methods = TestService().table()
        methods.register(TestMethods.missing, .unary { payload, _ in payload })
        let server = RPCServer(
            methods: methods, authorization: TestService.rules(),
            tls: try TLSIdentityStore(pki.identity(TestServer.directory)))
        let error = await failure {
            try await server.start(
                group: TestServer.group, address: RPCAddress(host: "127.0.0.1", port: 0))
        }
        #expect(error?.reason == "AUTHORIZATION_TABLE")
        #expect(error?.message.contains("Missing is registered but not listed") == true)
    }

    @Test("a taken port is named")
    func takenPort() async throws {
        let server = try await TestServer()
        let error = await failure { try await TestServer(port: server.address.port) }
        #expect(error?.reason == "CANNOT_LISTEN")
        #expect(error?.message.contains(server.address.description) == true)
        await server.server.shutDown(drain: .zero)
    }

    @Test("a key that does not belong to the certificate is refused")
    func wrongKey() throws {
        let pki = try TestPKI()
        var identity = try pki.identity(TestServer.portal)
        identity.privateKey = try pki.identity(TestServer.directory).privateKey
        #expect(throws: RPCError.self) { try TLSIdentityStore(identity) }
        identity.certificateChain = Array("nonsense".utf8)
        #expect(throws: RPCError.self) { try TLSIdentityStore(identity) }
    }

    @Test("nobody there: UNAVAILABLE with the address")
    func nobodyThere() async throws {
        let server = try await TestServer()
        await server.server.shutDown(drain: .zero)
        let client = try server.client()
        let error = await failure {
            try await client.unary(TestMethods.echo, request: ByteBuffer(), options: .standard)
        }
        #expect(error?.code == .unavailable)
        #expect(error?.reason == "CANNOT_CONNECT")
        #expect(error?.message.contains(server.address.description) == true)
        await client.close()
    }

    @Test("a client finds its server again after a restart")
    func reconnect() async throws {
        let first = try await TestServer()
        let client = try first.client()
        let request = ByteBuffer(string: "x")
        _ = try await client.unary(TestMethods.echo, request: request, options: .standard)
        await first.server.shutDown(drain: .zero)
        let down = await failure {
            try await client.unary(TestMethods.echo, request: request, options: .standard)
        }
        #expect(down?.code == .unavailable)
        let second = try await TestServer(port: first.address.port, pki: first.pki)
        let answered = await eventually {
            await failure {
                try await client.unary(TestMethods.echo, request: request, options: .standard)
            } == nil
        }
        #expect(answered)
        await client.close()
        await second.server.shutDown(drain: .zero)
    }

    @Test("draining lets calls under way finish and moves new ones elsewhere")
    func drain() async throws {
        let server = try await TestServer()
        let client = try server.client()
        let call = Task {
            try await client.unary(
                TestMethods.slow, request: ByteBuffer(string: "kept"), options: .standard)
        }
        #expect(await eventually { server.service.running.withLock { $0 } == 1 })
        async let stopped: Void = server.server.shutDown(drain: .seconds(10))
        let refused = await eventually {
            let error = await failure {
                try await client.unary(
                    TestMethods.echo, request: ByteBuffer(), options: .standard)
            }
            return error?.code == .unavailable
        }
        #expect(refused)
        server.service.release()
        #expect(try await call.value == ByteBuffer(string: "kept"))
        await stopped
        await client.close()
    }

    @Test("a call that outlasts the drain ends with UNAVAILABLE")
    func drainDeadline() async throws {
        let server = try await TestServer()
        let client = try server.client()
        let call = Task {
            await failure {
                try await client.unary(
                    TestMethods.hang, request: ByteBuffer(), options: .standard)
            }
        }
        #expect(await eventually { server.service.running.withLock { $0 } == 1 })
        await server.server.shutDown(drain: .milliseconds(50))
        #expect(await call.value?.code == .unavailable)
        #expect(await eventually { server.service.cancelled.withLock { $0 } == 1 })
        await client.close()
    }

    @Test("a replaced certificate is used by the next connection and leaves the open one alone")
    func reload() async throws {
        let pki = try TestPKI()
        let store = try TLSIdentityStore(pki.identity(TestServer.directory))
        let service = TestService()
        let server = RPCServer(
            methods: service.table(), authorization: TestService.rules(), tls: store)
        let address = try await server.start(
            group: TestServer.group, address: RPCAddress(host: "127.0.0.1", port: 0))
        let other = PeerIdentity.service(name: "directory", region: "eu-north-1")
        func client(_ expected: PeerIdentity) throws -> RPCClient {
            RPCClient(
                addresses: [address], expected: expected,
                tls: try TLSIdentityStore(pki.identity(TestServer.portal)),
                group: TestServer.group)
        }
        let old = try client(TestServer.directory)
        let request = ByteBuffer(string: "x")
        _ = try await old.unary(TestMethods.echo, request: request, options: .standard)
        try store.replace(pki.identity(other))
        let new = try client(other)
        #expect(
            try await new.unary(TestMethods.echo, request: request, options: .standard) == request)
        #expect(
            try await old.unary(TestMethods.echo, request: request, options: .standard) == request)
        await old.close()
        await new.close()
        await server.shutDown(drain: .zero)
    }

    @Test("calls, refusals, bytes and what is under way are counted per method and peer")
    func metrics() async throws {
        let server = try await TestServer()
        let client = try server.client()
        for _ in 0..<5 {
            _ = try await client.unary(
                TestMethods.fast, request: ByteBuffer(string: "four"), options: .standard)
        }
        _ = await failure {
            try await client.unary(
                TestMethods.forbidden, request: ByteBuffer(), options: .standard)
        }
        let hanging = Task {
            try await client.unary(TestMethods.hang, request: ByteBuffer(), options: .standard)
        }
        #expect(await eventually { server.service.running.withLock { $0 } == 1 })
        let metrics = await server.server.metrics()
        func figures(_ method: MethodDescriptor) throws -> MethodFigures {
            try #require(
                metrics.calls[.init(method: method.fullName, peer: TestServer.portal)])
        }
        let fast = try figures(TestMethods.fast)
        #expect(fast.calls == 5 && fast.byStatus[0] == 5)
        #expect(fast.requestBytes == 20 && fast.responseBytes == 20)
        #expect(fast.latency.buckets.reduce(0, +) == 5)
        #expect(
            try figures(TestMethods.forbidden)
                .byStatus[RPCError.Code.permissionDenied.rawValue] == 1)
        #expect(try figures(TestMethods.hang).inFlight == 1)
        #expect(metrics.connections == 1)
        hanging.cancel()
        await client.close()
        #expect(await eventually { await server.server.metrics().connections == 0 })
        let after = await server.server.metrics()
        #expect(
            after.calls[.init(method: TestMethods.fast.fullName, peer: TestServer.portal)]?.calls
                == 5)
        await server.server.shutDown(drain: .zero)
    }

    @Test("an old connection is replaced without a call failing, its streams are cut off at last")
    func age() async throws {
        var limits = ServerLimits.standard
        limits.connectionAgeMax = .seconds(1)
        limits.connectionAgeGrace = .seconds(1)
        let server = try await TestServer(limits: limits)
        let client = try server.client()
        let stream = try await client.serverStreaming(
            TestMethods.tail, request: ByteBuffer(), options: .open)
        let cutOff = Task { await failure { for try await _ in stream {} } }
        let isReplaced = await eventually {
            let accepted = await server.server.metrics().connectionsAccepted
            let error = await failure {
                try await client.unary(TestMethods.echo, request: ByteBuffer(), options: .standard)
            }
            return error == nil && accepted > 1
        }
        #expect(isReplaced)
        #expect(await cutOff.value?.code == .unavailable)
        await client.close()
        await server.server.shutDown(drain: .zero)
    }
}
