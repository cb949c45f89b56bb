import NIOCore
import Synchronization
import Testing

@testable import RPC

/// Calls with streamed requests, on each transport.
@Suite("streamed requests", .timeLimit(.minutes(1)))
struct StreamingTests {
    @Test("a request over the limit ends the call", arguments: Transport.allCases)
    func oversized(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            let error = await failure {
                try await channel.clientStreaming(TestMethods.collect, options: .standard) {
                    try await $0.write(ByteBuffer(string: "small"))
                    try await $0.write(ByteBuffer(repeating: 0, count: (4 << 20) + 1))
                }
            }
            #expect(error?.code == .resourceExhausted)
            #expect(error?.reason == "MESSAGE_TOO_LARGE")
            #expect(await eventually { service.cancelled.withLock { $0 } == 1 })
        }
    }

    @Test("requests that cannot be made cancel the handler", arguments: Transport.allCases)
    func failingRequests(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            let error = await failure {
                try await channel.clientStreaming(TestMethods.collect, options: .standard) {
                    try await $0.write(ByteBuffer(string: "one"))
                    #expect(await eventually { service.running.withLock { $0 } == 1 })
                    throw Unexpected()
                }
            }
            #expect(error != nil)
            #expect(await eventually { service.cancelled.withLock { $0 } == 1 })
        }
    }

    @Test("a handler that refuses stops the sender", arguments: Transport.allCases)
    func refusal(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            let stopped = Mutex(false)
            let error = await failure {
                try await channel.clientStreaming(TestMethods.collect, options: .standard) {
                    do {
                        try await $0.write(ByteBuffer(string: "stop"))
                        while true { try await $0.write(ByteBuffer(repeating: 1, count: 4096)) }
                    } catch {
                        stopped.withLock { $0 = true }
                        throw error
                    }
                }
            }
            #expect(error?.reason == "STOPPED")
            #expect(await eventually { stopped.withLock { $0 } })
        }
    }

    // Over HTTP/2 the client of these tests buffers what its window does not let through, so what
    // the server gives is tested there by itself.
    @Test(
        "a sender waits while the handler does not read",
        arguments: [Transport.inProcess, .native])
    func backPressure(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            let sent = Mutex(0)
            let call = Task {
                await failure {
                    try await channel.clientStreaming(TestMethods.ignore, options: .standard) {
                        while true {
                            try await $0.write(ByteBuffer(repeating: 1, count: 4096))
                            sent.withLock { $0 += 1 }
                        }
                    }
                }
            }
            // 256 KiB over the network, 1 MiB in the process.
            let (least, most) = transport == .inProcess ? (255, 256) : (63, 65)
            #expect(await eventually { sent.withLock { $0 } >= least })
            #expect(sent.withLock { $0 } <= most)
            call.cancel()
            #expect(await call.value?.code == .cancelled)
            #expect(await eventually { service.cancelled.withLock { $0 } == 1 })
        }
    }

    @Test("a handler that waits for requests too long is cancelled", arguments: Transport.allCases)
    func deadline(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            _ = try await channel.unary(
                TestMethods.echo, request: ByteBuffer(), options: .standard)
            let error = await overdue(after: .seconds(1), until: { service.hasBegun }) {
                try await channel.clientStreaming(TestMethods.collect, options: $0) {
                    try await $0.write(ByteBuffer(string: "one"))
                    try await Task.sleep(for: .seconds(600))
                }
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(await eventually { service.isCancelled })
        }
    }

    @Test("letting go of the answers cancels handler and sender", arguments: Transport.allCases)
    func dropping(_ transport: Transport) async throws {
        try await transport.with { channel, service in
            let stopped = Mutex(false)
            do {
                let answers = try await channel.bidirectionalStreaming(
                    TestMethods.chat, options: .open
                ) {
                    try await $0.write(ByteBuffer(string: "hello"))
                    do {
                        try await Task.sleep(for: .seconds(600))
                    } catch {
                        stopped.withLock { $0 = true }
                        throw error
                    }
                }
                var iterator = answers.makeAsyncIterator()
                #expect(try await iterator.next() == ByteBuffer(string: "hello"))
            }
            #expect(await eventually { service.cancelled.withLock { $0 } == 1 })
            #expect(await eventually { stopped.withLock { $0 } })
        }
    }

    @Test("a unary method takes no stream of requests", arguments: Transport.allCases)
    func wrongKind(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            let error = await failure {
                try await channel.clientStreaming(TestMethods.echo, options: .standard) {
                    try await $0.write(ByteBuffer(string: "one"))
                    try await $0.write(ByteBuffer(string: "two"))
                }
            }
            #expect(error?.code == .unimplemented)
            #expect(error?.reason == "WRONG_CALL_KIND")
        }
    }

    @Test("a handler may answer before the last request", arguments: Transport.allCases)
    func early(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            let answer = try await channel.clientStreaming(TestMethods.first, options: .standard) {
                try await $0.write(ByteBuffer(string: "one"))
                try await Task.sleep(for: .seconds(600))
            }
            #expect(answer == ByteBuffer(string: "one"))
        }
    }

    @Test("all requests arrive, also none and empty ones", arguments: Transport.allCases)
    func collect(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            for (count, size) in [(0, 0), (1, 0), (3, 70_000), (2000, 1000)] {
                let answer = try await channel.clientStreaming(
                    TestMethods.collect, options: .standard
                ) { writer in
                    for _ in 0..<count {
                        try await writer.write(ByteBuffer(repeating: 1, count: size))
                    }
                }
                #expect(String(buffer: answer) == "\(count) \(count * size)")
            }
        }
    }

    @Test("both sides talk in turn, in order", arguments: Transport.allCases)
    func chat(_ transport: Transport) async throws {
        try await transport.with { channel, _ in
            let heard = CreditGate(credit: 1)
            let answers = try await channel.bidirectionalStreaming(
                TestMethods.chat, options: .standard
            ) { writer in
                for number in 0..<200 {
                    try await heard.acquire(1)
                    try await writer.write(ByteBuffer(integer: UInt32(number)))
                }
            }
            var next: UInt32 = 0
            for try await answer in answers {
                #expect(answer.getInteger(at: answer.readerIndex) == next)
                next += 1
                heard.grant(1)
            }
            #expect(next == 200)
        }
    }
}
