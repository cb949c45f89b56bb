import Foundation
import NIOCore
import NIOHPACK
import NIOHTTP2
import Synchronization
import Testing

@testable import RPC

/// Peers with a valid certificate that mean no good, or are half gone.
@Suite("Hostile peers", .timeLimit(.minutes(1)))
struct RobustnessTests {
    private func with(
        _ limits: ServerLimits = .standard,
        _ body: (TestServer, RawConnection) async throws -> Void
    ) async throws {
        let server = try await TestServer(limits: limits)
        let connection = try await RawConnection.open(
            server.address, identity: server.pki.identity(TestServer.portal))
        #expect(await eventually { connection.frames.count == 1 })
        do { try await body(server, connection) } catch {
            connection.channel.close(promise: nil)
            await server.server.shutDown(drain: .zero)
            throw error
        }
        connection.channel.close(promise: nil)
        await server.server.shutDown(drain: .zero)
    }

    private func call(
        _ buffer: inout ByteBuffer, _ id: UInt32, _ method: MethodDescriptor,
        metadata: [String: String] = [:], payload: ByteBuffer = ByteBuffer(), isLast: Bool = true
    ) {
        buffer.writeCall(
            streamID: id, method: method.fullName, timeoutMicroseconds: 0, metadata: metadata,
            payload: payload, isLast: isLast)
    }

    // MARK: - Slow and gone

    @Test("a frame that comes byte by byte does not outlive the time for a frame")
    func drip() async throws {
        var limits = ServerLimits.standard
        limits.stallTimeout = .milliseconds(200)
        try await with(limits) { _, connection in
            var frame = ByteBuffer()
            call(&frame, 1, TestMethods.echo, payload: ByteBuffer(repeating: 1, count: 4_000))
            let whole = frame
            let sender = Task {
                var rest = whole
                while let byte = rest.readSlice(length: 1), !connection.isClosed {
                    connection.send(byte)
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            #expect(await connection.reasonOfEnd() == "FRAME_STALLED")
            sender.cancel()
        }
    }

    @Test("a peer that has vanished without a word is given up, and its handlers stop")
    func halfOpen() async throws {
        var limits = ServerLimits.standard
        limits.keepAliveInterval = .milliseconds(100)
        try await with(limits) { server, connection in
            connection.send { call(&$0, 1, TestMethods.hang) }
            #expect(await eventually { server.service.running.withLock { $0 } == 1 })
            // It answers no ping: nothing of it arrives any more.
            #expect(
                await eventually { connection.frames.contains { $0.ping.data == 0 && $0.hasPing } })
            #expect(await eventually { server.service.cancelled.withLock { $0 } == 1 })
            #expect(await eventually { await server.server.metrics().connections == 0 })
        }
    }

    @Test("a peer that stops sending requests holds no more than its own call")
    func silentSender() async throws {
        try await with { server, connection in
            connection.send {
                call(&$0, 1, TestMethods.collect, payload: ByteBuffer(string: "a"), isLast: false)
            }
            #expect(await eventually { server.service.running.withLock { $0 } == 1 })
            connection.send { call(&$0, 2, TestMethods.echo, payload: ByteBuffer(string: "b")) }
            #expect(await eventually { connection.end(2)?.payload == Array("b".utf8).asData })
            connection.send { $0.writeFrame(streamID: 1, .cancel(WireCancel())) }
            #expect(await eventually { server.service.cancelled.withLock { $0 } == 1 })
        }
    }

    @Test("a flood of calls that a peer does not read the answers of holds bounded memory")
    func unreadAnswers() async throws {
        var limits = ServerLimits.standard
        limits.stallTimeout = .milliseconds(400)
        try await with(limits) { server, connection in
            try await connection.channel.setOption(.autoRead, value: false).get()
            let request = ByteBuffer(repeating: 9, count: 100_000)
            connection.send { buffer in
                for id in UInt32(1)...600 {
                    call(&buffer, id, TestMethods.fast, payload: request)
                }
            }
            // 60 MB of answers: it stops reading calls long before it has made them.
            try await Task.sleep(for: .milliseconds(200))
            let answered = await server.server.metrics().calls.values.reduce(0) { $0 + $1.calls }
            #expect(answered < 300)
            #expect(
                await eventually { await server.server.metrics().connections == 0 })
        }
    }

    // MARK: - Floods

    @Test("a flood of settings, of credit for nothing and of cancelled nothing ends the connection")
    func controlFloods() async throws {
        var limits = ServerLimits.standard
        limits.controlFramesMax = 50
        let floods: [(inout ByteBuffer) -> Void] = [
            { $0.writeFrame(streamID: 0, .settings(WireSettings())) },
            { $0.writeCredit(streamID: 9, 1) },
            { $0.writeFrame(streamID: 9, .cancel(WireCancel())) },
            { $0.writeMessage(streamID: 9, payload: ByteBuffer()) },
            { $0.writePing(1, isAcknowledgement: true) },
        ]
        for flood in floods {
            try await with(limits) { server, connection in
                connection.send { buffer in for _ in 0..<60 { flood(&buffer) } }
                #expect(await connection.reasonOfEnd() == "TOO_MANY_CONTROL_FRAMES")
                #expect(await server.server.metrics().refusals == ["TOO_MANY_CONTROL_FRAMES": 1])
            }
        }
    }

    @Test("streams opened and reset at once on HTTP/2 end the connection, and no handler is left")
    func rapidReset() async throws {
        var limits = ServerLimits.standard
        limits.controlFramesMax = 100
        let server = try await TestServer(limits: limits)
        let channel = try await server.http2()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<400 {
                group.addTask {
                    _ = try? await channel.unary(
                        TestMethods.hang, request: ByteBuffer(),
                        options: CallOptions(timeout: .milliseconds(1)))
                }
            }
        }
        let cancels = Task {
            for _ in 0..<400 {
                let call = Task {
                    try await channel.unary(
                        TestMethods.hang, request: ByteBuffer(), options: .standard)
                }
                await Task.yield()
                call.cancel()
            }
        }
        _ = await cancels.value
        #expect(
            await eventually {
                server.service.running.withLock { $0 } == server.service.cancelled.withLock { $0 }
            })
        await channel.close()
        await server.server.shutDown(drain: .zero)
    }

    // MARK: - Oversize in every field

    @Test("what is too large in a call ends the call, and the next is served")
    func oversizedCalls() async throws {
        let long = String(repeating: "x", count: 9_000)
        let many = Dictionary(uniqueKeysWithValues: (0..<33).map { ("name-\($0)", "v") })
        let cases: [([String: String], Int, String)] = [
            ([:], CallLimits.standard.messageBytesMax + 1, "MESSAGE_TOO_LARGE"),
            (["a": long], 0, "METADATA_TOO_LARGE"), ([long: ""], 0, "METADATA_TOO_LARGE"),
            (many, 0, "METADATA_TOO_LARGE"),
            ([String(repeating: "n", count: 65): ""], 0, "METADATA_NAME"),
            (["": "v"], 0, "METADATA_NAME"), (["Upper": "v"], 0, "METADATA_NAME"),
        ]
        try await with { _, connection in
            for (index, (metadata, bytes, reason)) in cases.enumerated() {
                let id = UInt32(index + 1)
                connection.send {
                    call(
                        &$0, id, TestMethods.echo, metadata: metadata,
                        payload: ByteBuffer(repeating: 0, count: bytes))
                }
                #expect(await eventually { connection.end(id) != nil })
                #expect(connection.end(id)?.reason == reason)
            }
            connection.send { call(&$0, 100, TestMethods.echo, payload: ByteBuffer(string: "on")) }
            #expect(await eventually { connection.end(100)?.payload == Array("on".utf8).asData })
        }
    }

    @Test("a method's name of any length is refused without giving all of it back")
    func longName() async throws {
        try await with { _, connection in
            connection.send {
                $0.writeCall(
                    streamID: 1, method: String(repeating: "m", count: 60_000),
                    timeoutMicroseconds: .max, metadata: [:], payload: nil)
            }
            #expect(await eventually { connection.end(1)?.reason == "UNKNOWN_METHOD" })
            #expect((connection.end(1)?.message.utf8.count ?? .max) < 300)
        }
    }

    @Test("numbers at their ends are taken as what they are")
    func extremes() async throws {
        try await with { _, connection in
            connection.send { buffer in
                var settings = WireSettings()
                (settings.frameBytesMax, settings.streamsMax) = (.max, .max)
                settings.streamCreditBytes = .max
                buffer.writeFrame(streamID: .max, .settings(settings))
                var credit = WireCredit()
                credit.bytes = .max
                buffer.writeFrame(streamID: .max, .credit(credit))
                buffer.writePing(.max, isAcknowledgement: false)
                buffer.writeCall(
                    streamID: .max, method: TestMethods.echo.fullName, timeoutMicroseconds: .max,
                    metadata: [:], payload: ByteBuffer(string: "still here"))
            }
            #expect(await eventually { connection.end(.max) != nil })
            #expect(connection.end(.max)?.payload == Array("still here".utf8).asData)
        }
    }
}

extension [UInt8] {
    fileprivate var asData: Data { Data(self) }
}

extension WireFrame {
    fileprivate var hasPing: Bool { if case .ping = body { true } else { false } }
}
