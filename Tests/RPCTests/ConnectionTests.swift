import Foundation
import NIOCore
import NIOSSL
import Synchronization
import Testing

@testable import RPC

/// What a server does with peers that do not keep to the protocol.
@Suite("connections", .timeLimit(.minutes(1)))
struct ConnectionTests {
    private func raw(
        _ server: TestServer, protocols: [String] = [TLSIdentityStore.nativeProtocol]
    ) async throws -> RawConnection {
        try await RawConnection.open(
            server.address, identity: server.pki.identity(TestServer.portal), protocols: protocols)
    }

    private func call(_ buffer: inout ByteBuffer, _ id: UInt32, _ method: MethodDescriptor) {
        buffer.writeCall(
            streamID: id, method: method.fullName, timeoutMicroseconds: 0, metadata: [:],
            payload: ByteBuffer(string: "hello"))
    }

    // MARK: - Who may connect

    @Test("a client without a certificate is refused")
    func noCertificate() async throws {
        let server = try await TestServer()
        let connection = try await RawConnection.open(
            server.address, identity: server.pki.identity(TestServer.portal),
            showsCertificate: false)
        connection.send { call(&$0, 1, TestMethods.echo) }
        #expect(await connection.reasonOfEnd() == nil)
        #expect(connection.frames.isEmpty)
        await server.server.shutDown(drain: .zero)
    }

    @Test("a certificate of another root, or an expired one, is refused")
    func wrongCertificate() async throws {
        let server = try await TestServer()
        let portal = TestServer.portal.spiffeID(trustDomain: TestPKI.trustDomain)
        let identities = [
            try TestPKI().identity(uris: [portal], trusting: server.pki),
            try server.pki.identity(uris: [portal], notAfter: .now - 60),
        ]
        for identity in identities {
            let client = try server.client(identity: identity)
            let error = await failure {
                try await client.unary(
                    TestMethods.echo, request: ByteBuffer(), options: .standard)
            }
            #expect(error?.code == .unavailable)
            await client.close()
        }
        await server.server.shutDown(drain: .zero)
    }

    @Test(
        "a certificate that names nobody, or two, is refused with the reason",
        arguments: [
            [], ["https://test.example/"], ["spiffe://other.example/operator/anna"],
            ["spiffe://test.example/operator/anna", "spiffe://test.example/operator/bert"],
            ["spiffe://test.example/operator/"], ["spiffe://test.example/operator/a/b"],
        ])
    func nobody(_ uris: [String]) async throws {
        let server = try await TestServer()
        let client = try server.client(identity: server.pki.identity(uris: uris))
        let error = await failure {
            try await client.unary(TestMethods.echo, request: ByteBuffer(), options: .standard)
        }
        #expect(error?.code == .unauthenticated)
        #expect(error?.reason == "PEER_IDENTITY")
        await client.close()
        await server.server.shutDown(drain: .zero)
    }

    @Test("a server that is not the expected one gets no call")
    func wrongServer() async throws {
        let server = try await TestServer()
        for expected in [
            PeerIdentity.service(name: "directory", region: "us-east-1"),
            .service(name: "keys", region: "eu-west-1"),
        ] {
            let client = try server.client(expecting: expected)
            let error = await failure {
                try await client.unary(
                    TestMethods.echo, request: ByteBuffer(), options: .standard)
            }
            #expect(error?.reason == "WRONG_SERVER")
            await client.close()
        }
        await server.server.shutDown(drain: .zero)
    }

    @Test("TLS 1.2 and other application protocols are refused")
    func versions() async throws {
        let server = try await TestServer()
        let old = try await RawConnection.open(
            server.address, identity: server.pki.identity(TestServer.portal),
            maximumVersion: .tlsv12)
        #expect(await old.reasonOfEnd() == nil)
        #expect(old.frames.isEmpty)
        let none = try await raw(server, protocols: [])
        #expect(await none.reasonOfEnd() == "ALPN")
        await server.server.shutDown(drain: .zero)
    }

    @Test("an operator's roles decide")
    func operators() async throws {
        let server = try await TestServer()
        for (name, code) in [("anna", nil), ("bert", RPCError.Code.permissionDenied)] {
            let client = try server.client(as: .operator(name: name))
            let error = await failure {
                try await client.unary(
                    TestMethods.echo, request: ByteBuffer(), options: .standard)
            }
            #expect(error?.code == code)
            await client.close()
        }
        await server.server.shutDown(drain: .zero)
    }

    @Test("a peer that does not finish TLS in time is dropped")
    func handshakeTimeout() async throws {
        var limits = ServerLimits.standard
        limits.handshakeTimeout = .milliseconds(50)
        let server = try await TestServer(limits: limits)
        let silent = try await RawSocket.open(server.address)
        #expect(await eventually { silent.isClosed })
        await server.server.shutDown(drain: .zero)
    }

    @Test("connections over the limit are closed")
    func connectionLimit() async throws {
        var limits = ServerLimits.standard
        limits.connectionsMax = 1
        let server = try await TestServer(limits: limits)
        let first = try await raw(server)
        #expect(await eventually { first.frames.count == 1 })
        let second = try await raw(server)
        #expect(await eventually { second.isClosed })
        #expect(!first.isClosed)
        await server.server.shutDown(drain: .zero)
    }

    // MARK: - What is sent

    @Test("garbage, an oversized frame and wrong frames end the connection with the reason")
    func violations() async throws {
        let server = try await TestServer()
        var ends: [(ByteBuffer, String)] = []
        ends.append((ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"), "FRAME_TOO_LARGE"))
        ends.append((ByteBuffer(bytes: [0, 0, 0, 2, 0xff, 0xff]), "PROTOCOL_VIOLATION"))
        ends.append((ByteBuffer(bytes: [0, 0, 0, 0]), "PROTOCOL_VIOLATION"))
        ends.append((ByteBuffer(bytes: [0x7f, 0xff, 0xff, 0xff]), "FRAME_TOO_LARGE"))
        var answer = ByteBuffer()
        answer.writeAnswer(streamID: 1, payload: ByteBuffer())
        ends.append((answer, "PROTOCOL_VIOLATION"))
        var twice = ByteBuffer()
        call(&twice, 5, TestMethods.echo)
        call(&twice, 5, TestMethods.echo)
        ends.append((twice, "PROTOCOL_VIOLATION"))
        var zero = ByteBuffer()
        call(&zero, 0, TestMethods.echo)
        ends.append((zero, "PROTOCOL_VIOLATION"))
        for (bytes, reason) in ends {
            let connection = try await raw(server)
            connection.send(bytes)
            #expect(await connection.reasonOfEnd() == reason)
            #expect(connection.goAway?.status != 0)
        }
        await server.server.shutDown(drain: .zero)
    }

    @Test("a connection that fails does not disturb another")
    func isolation() async throws {
        let server = try await TestServer()
        let client = try server.client()
        let stream = try await client.serverStreaming(
            TestMethods.tail, request: ByteBuffer(), options: .open)
        var iterator = stream.makeAsyncIterator()
        #expect(try await iterator.next() != nil)
        let bad = try await raw(server)
        bad.send(ByteBuffer(bytes: [0, 0, 0, 1, 0xff]))
        #expect(await bad.reasonOfEnd() == "PROTOCOL_VIOLATION")
        let request = ByteBuffer(string: "still here")
        #expect(
            try await client.unary(TestMethods.echo, request: request, options: .standard)
                == request)
        await client.close()
        await server.server.shutDown(drain: .zero)
    }

    @Test("too many calls at once end the connection")
    func tooManyStreams() async throws {
        var limits = ServerLimits.standard
        limits.streamsPerConnectionMax = 3
        let server = try await TestServer(limits: limits)
        let connection = try await raw(server)
        connection.send { buffer in
            for id in 1...4 { call(&buffer, UInt32(id), TestMethods.hang) }
        }
        #expect(await connection.reasonOfEnd() == "TOO_MANY_STREAMS")
        #expect(await eventually { server.service.cancelled.withLock { $0 } == 3 })
        await server.server.shutDown(drain: .zero)
    }

    @Test("opening and cancelling calls does not get around the limit")
    func rapidReset() async throws {
        var limits = ServerLimits.standard
        limits.streamsPerConnectionMax = 50
        let server = try await TestServer(limits: limits)
        let connection = try await raw(server)
        connection.send { buffer in
            for id in 1...1000 {
                call(&buffer, UInt32(id), TestMethods.hang)
                buffer.writeFrame(streamID: UInt32(id), .cancel(WireCancel()))
            }
        }
        #expect(await connection.reasonOfEnd() == "TOO_MANY_STREAMS")
        #expect(server.service.running.withLock { $0 } <= 50)
        await server.server.shutDown(drain: .zero)
    }

    @Test("a client waits when the server takes no more calls at once")
    func clientHonoursLimit() async throws {
        var limits = ServerLimits.standard
        limits.streamsPerConnectionMax = 2
        let server = try await TestServer(limits: limits)
        let client = try server.client()
        try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            for number in 0..<50 {
                group.addTask {
                    try await client.unary(
                        TestMethods.echo, request: ByteBuffer(integer: number), options: .standard)
                }
            }
            for try await answer in group { #expect(answer.readableBytes == 8) }
        }
        await client.close()
        await server.server.shutDown(drain: .zero)
    }

    @Test("a flood of pings ends the connection")
    func pingFlood() async throws {
        var limits = ServerLimits.standard
        limits.controlFramesMax = 20
        let server = try await TestServer(limits: limits)
        let connection = try await raw(server)
        connection.send { $0.writePing(7, isAcknowledgement: false) }
        #expect(
            await eventually {
                connection.frames.contains { $0.ping.acknowledgement && $0.ping.data == 7 }
            })
        connection.send { buffer in
            for data in UInt64(0)..<30 { buffer.writePing(data, isAcknowledgement: false) }
        }
        #expect(await connection.reasonOfEnd() == "TOO_MANY_CONTROL_FRAMES")
        await server.server.shutDown(drain: .zero)
    }

    @Test("a frame whose rest does not come ends the connection")
    func slowWriter() async throws {
        var limits = ServerLimits.standard
        limits.stallTimeout = .milliseconds(100)
        let server = try await TestServer(limits: limits)
        let connection = try await raw(server)
        connection.send(ByteBuffer(bytes: [0, 0, 1, 0, 8, 1]))
        #expect(await connection.reasonOfEnd() == "FRAME_STALLED")
        await server.server.shutDown(drain: .zero)
    }

    @Test("a connection without calls is closed after its time")
    func idle() async throws {
        var limits = ServerLimits.standard
        limits.idleTimeout = .milliseconds(100)
        let server = try await TestServer(limits: limits)
        let connection = try await raw(server)
        #expect(await connection.reasonOfEnd() == "")
        #expect(connection.goAway?.status == 0)
        await server.server.shutDown(drain: .zero)
    }

    @Test("a peer that does not read is dropped, and handlers wait meanwhile")
    func slowReader() async throws {
        var limits = ServerLimits.standard
        limits.stallTimeout = .milliseconds(300)
        limits.outboundBytesMax = 1 << 20
        let server = try await TestServer(limits: limits)
        let connection = try await raw(server)
        #expect(await eventually { connection.frames.count == 1 })
        try await connection.channel.setOption(.autoRead, value: false).get()
        connection.send { buffer in
            for id in 1...64 {
                buffer.writeCall(
                    streamID: UInt32(id), method: TestMethods.large.fullName,
                    timeoutMicroseconds: 0, metadata: [:],
                    payload: ByteBuffer(integer: UInt32(1 << 20)))
            }
        }
        #expect(
            await eventually {
                let metrics = await server.server.metrics()
                return metrics.connections == 0 && metrics.connectionsAccepted == 1
            })
        connection.channel.close(promise: nil)
        await server.server.shutDown(drain: .zero)
    }
}
