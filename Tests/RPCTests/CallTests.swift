import NIOCore
import Synchronization
import Testing

@testable import RPC

/// What every transport does alike, run on each of them.
@Suite("calls", .timeLimit(.minutes(1)))
struct CallTests {
    @Test("a method the peer may not call is denied", arguments: Transport.allCases)
    func denied(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            let error = await failure {
                try await channel.unary(
                    TestMethods.forbidden, request: ByteBuffer(), options: .standard)
            }
            #expect(error?.code == .permissionDenied)
            #expect(error?.reason == "METHOD_NOT_ALLOWED")
        }
    }

    @Test("a method that does not exist is unimplemented", arguments: Transport.allCases)
    func missing(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            let error = await failure {
                try await channel.unary(
                    TestMethods.missing, request: ByteBuffer(), options: .standard)
            }
            #expect(error?.code == .unimplemented)
            #expect(error?.reason == "UNKNOWN_METHOD")
        }
    }

    @Test("an unknown error leaves as INTERNAL without its text", arguments: Transport.allCases)
    func unknownError(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            let error = try #require(
                await failure {
                    try await channel.unary(
                        TestMethods.crash, request: ByteBuffer(), options: .standard)
                })
            #expect(error.code == .internalError)
            #expect(error.reason == "INTERNAL")
            #expect(error.metadata["request-id"]?.count == 13)
            #expect(!error.description.contains("secret-detail"))
        }
    }

    @Test("a known error keeps code, reason, message and metadata", arguments: Transport.allCases)
    func knownError(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            let error = try #require(
                await failure {
                    try await channel.unary(
                        TestMethods.fail, request: ByteBuffer(), options: .standard)
                })
            #expect(error.code == .failedPrecondition)
            #expect(error.reason == "NOT_PRIMARY")
            #expect(error.message == "Write elsewhere.")
            #expect(error.metadata == ["primary-region": "eu-west-1"])
            #expect(error.cause == nil)
        }
    }

    @Test("an oversized request or answer is refused", arguments: Transport.allCases)
    func oversized(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            let request = await failure {
                try await channel.unary(
                    TestMethods.echo, request: ByteBuffer(repeating: 0, count: (4 << 20) + 1),
                    options: .standard)
            }
            #expect(request?.reason == "MESSAGE_TOO_LARGE")
            let answer = await failure {
                try await channel.unary(
                    TestMethods.large, request: ByteBuffer(integer: UInt32((4 << 20) + 1)),
                    options: .standard)
            }
            #expect(answer?.code == .resourceExhausted)
            let fits = try await channel.unary(
                TestMethods.large, request: ByteBuffer(integer: UInt32(4 << 20)),
                options: .standard)
            #expect(fits.readableBytes == 4 << 20)
        }
    }

    @Test("metadata over its limits is refused", arguments: Transport.allCases)
    func metadataLimits(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            let many = Dictionary(uniqueKeysWithValues: (0..<33).map { ("n\($0)", "v") })
            for (metadata, reason) in [
                (many, "METADATA_TOO_LARGE"),
                (["a": String(repeating: "x", count: 8192)], "METADATA_TOO_LARGE"),
                (["Upper": "x"], "METADATA_NAME"), (["": "x"], "METADATA_NAME"),
            ] {
                let error = await failure {
                    try await channel.unary(
                        TestMethods.echo, request: ByteBuffer(),
                        options: CallOptions(metadata: metadata))
                }
                #expect(error?.reason == reason)
            }
        }
    }

    @Test("a handler that does not answer in time is cancelled", arguments: Transport.allCases)
    func deadline(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            _ = try await channel.unary(
                TestMethods.echo, request: ByteBuffer(), options: .standard)
            let error = await overdue(after: .milliseconds(200), until: { service.hasBegun }) {
                try await channel.unary(TestMethods.hang, request: ByteBuffer(), options: $0)
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(await eventually { service.isCancelled })
        }
    }

    @Test("a stream that outlives its deadline fails", arguments: Transport.allCases)
    func streamDeadline(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            _ = try await channel.unary(
                TestMethods.echo, request: ByteBuffer(), options: .standard)
            var messages = 0
            let error = await overdue(after: .seconds(1), until: { messages > 0 }) { options in
                let stream = try await channel.serverStreaming(
                    TestMethods.tail, request: ByteBuffer(), options: options)
                for try await _ in stream { messages += 1 }
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(messages == 1)
            #expect(await eventually { service.isCancelled })
        }
    }

    @Test("cancelling the caller's task reaches the handler", arguments: Transport.allCases)
    func cancellation(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            let task = Task {
                await failure {
                    try await channel.unary(
                        TestMethods.hang, request: ByteBuffer(), options: .standard)
                }
            }
            #expect(await eventually { service.running.withLock { $0 } == 1 })
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            #expect(await eventually { service.cancelled.withLock { $0 } == 1 })
        }
    }

    @Test("letting go of a stream cancels its handler", arguments: Transport.allCases)
    func dropping(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            do {
                let stream = try await channel.serverStreaming(
                    TestMethods.tail, request: ByteBuffer(), options: .open)
                var iterator = stream.makeAsyncIterator()
                #expect(try await iterator.next() == ByteBuffer(string: "first"))
                #expect(await eventually { service.running.withLock { $0 } == 1 })
            }
            #expect(await eventually { service.cancelled.withLock { $0 } == 1 })
        }
    }

    @Test("closing the channel ends what is under way", arguments: Transport.allCases)
    func closing(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            let call = Task {
                await failure {
                    try await channel.unary(
                        TestMethods.hang, request: ByteBuffer(), options: .standard)
                }
            }
            #expect(await eventually { service.running.withLock { $0 } == 1 })
            await channel.close()
            #expect(await call.value?.code == .cancelled)
            let after = await failure {
                try await channel.unary(
                    TestMethods.echo, request: ByteBuffer(), options: .standard)
            }
            #expect(after?.code == .cancelled)
        }
    }

    @Test("a sender waits while the receiver does not read", arguments: Transport.allCases)
    func backPressure(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            var request = ByteBuffer(integer: UInt32(2000))
            request.writeInteger(UInt8(1))
            let stream = try await channel.serverStreaming(
                TestMethods.count, request: request, options: .standard)
            // 1 MiB of credit and messages of 4,116 bytes: 255 pass and one more. Over HTTP/2 it is
            // 256 KiB, and the client's window and buffers.
            let (least, most) = transport == .http2 ? (64, 100) : (255, 256)
            #expect(await eventually { service.written.withLock { $0 } >= least })
            #expect(service.written.withLock { $0 } <= most)
            var next: UInt32 = 0
            for try await message in stream {
                #expect(message.getInteger(at: message.readerIndex) == next)
                next += 1
            }
            #expect(next == 2000)
        }
    }

    @Test("answers, identity and metadata arrive", arguments: Transport.allCases)
    func unary(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            for method in [TestMethods.echo, TestMethods.fast] {
                for size in [0, 1, 127, 128, 70_000] {
                    let request = ByteBuffer(repeating: 3, count: size)
                    let answer = try await channel.unary(
                        method, request: request, options: .standard)
                    #expect(answer == request)
                }
            }
            let identity = try await channel.unary(
                TestMethods.identify, request: ByteBuffer(),
                options: CallOptions(metadata: ["trace": "1"]))
            #expect(
                String(buffer: identity)
                    == #"service/portal@eu-west-1 [(key: "trace", value: "1")]"#)
        }
    }

    @Test(
        "what the fast path leaves to the handler it is asked about once",
        arguments: Transport.allCases)
    func later(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            for (count, text) in ["later", "later", "now", "later"].enumerated() {
                let request = ByteBuffer(string: text)
                // Metadata takes the general way, which asks too.
                for (more, metadata) in [[:], ["trace": "1"]].enumerated() {
                    let answer = try await channel.unary(
                        TestMethods.fast, request: request,
                        options: CallOptions(metadata: metadata))
                    #expect(answer == request)
                    #expect(service.askedFast.withLock { $0 } == 2 * count + more + 1)
                }
            }
        }
    }

    @Test(
        "calls with metadata that decides about the answer are for the handler alone",
        arguments: Transport.allCases)
    func decidingMetadata(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            for (metadata, asked) in [
                (["who": "ada"], 0), (["trace": "1"], 1), (["trace": "1", "who": ""], 1), ([:], 2),
                (["who": "ada"], 2),
            ] {
                let answer = try await channel.unary(
                    TestMethods.fast, request: ByteBuffer(string: "x"),
                    options: CallOptions(metadata: metadata))
                #expect(answer == ByteBuffer(string: "x"))
                #expect(service.askedFast.withLock { $0 } == asked)
            }
        }
    }

    @Test("many calls at once are all answered", arguments: Transport.allCases)
    func concurrent(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                // The codec of HTTP/2 is slow with many streams when it is not optimised.
                for number in 0..<(transport == .http2 ? 100 : 1000) {
                    group.addTask {
                        let request = ByteBuffer(integer: number)
                        let method = number % 2 == 0 ? TestMethods.echo : TestMethods.fast
                        return try await channel.unary(method, request: request, options: .standard)
                            == request
                    }
                }
                for try await isEqual in group { #expect(isEqual) }
            }
        }
    }

    @Test("a call the wrong way round is refused", arguments: Transport.allCases)
    func wrongKind(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            let error = await failure {
                let stream = try await channel.serverStreaming(
                    TestMethods.missing, request: ByteBuffer(), options: .standard)
                for try await _ in stream {}
            }
            #expect(error?.code == .unimplemented)
        }
    }
}
