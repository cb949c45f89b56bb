import NIOCore
import NIOHPACK
import Testing

@testable import RPC

@Suite("gzip", .timeLimit(.minutes(1)))
struct GzipTests {
    private let text = ByteBuffer(string: String(repeating: "portolan ", count: 1_000))

    private func reason(_ bytes: ByteBuffer, _ limits: CallLimits = .standard) -> String? {
        do {
            _ = try Gzip.inflate(bytes, limits)
            return nil
        } catch { return error.reason }
    }

    @Test("what expands beyond the limit is refused while it expands")
    func bomb() throws {
        var limits = CallLimits.standard
        limits.messageBytesMax = 1 << 20
        // 64 MiB of zeros in some 280 KiB.
        let bomb = try #require(Gzip.compress(ByteBuffer(repeating: 0, count: 64 << 20)))
        #expect(bomb.readableBytes < 1 << 20)
        #expect(reason(bomb, limits) == "MESSAGE_TOO_LARGE")
        let exact = try #require(Gzip.compress(ByteBuffer(repeating: 0, count: 1 << 20)))
        #expect(try Gzip.inflate(exact, limits).readableBytes == 1 << 20)
        let over = try #require(Gzip.compress(ByteBuffer(repeating: 0, count: (1 << 20) + 1)))
        #expect(reason(over, limits) == "MESSAGE_TOO_LARGE")
    }

    @Test("what is not gzip, cut off, changed or followed by more is refused")
    func malformed() throws {
        let whole = try #require(Gzip.compress(text))
        #expect(reason(ByteBuffer()) == "MALFORMED_MESSAGE")
        #expect(reason(text) == "MALFORMED_MESSAGE")
        for count in 0..<whole.readableBytes {
            let cut = try #require(whole.getSlice(at: whole.readerIndex, length: count))
            #expect(reason(cut) == "MALFORMED_MESSAGE")
        }
        var changed = whole
        let last = changed.writerIndex - 5
        let byte = try #require(changed.getInteger(at: last, as: UInt8.self))
        changed.setInteger(byte ^ 1, at: last)
        #expect(reason(changed) == "MALFORMED_MESSAGE")
        var followed = whole
        followed.writeInteger(UInt8(0))
        #expect(reason(followed) == "MALFORMED_MESSAGE")
    }

    @Test("messages come back as they were, and small or random ones are left alone")
    func roundTrip() throws {
        #expect(try Gzip.inflate(try #require(Gzip.compress(text)), .standard) == text)
        #expect(Gzip.compress(ByteBuffer(string: "short")) == nil)
        var random = ByteBuffer()
        for _ in 0..<1_000 { random.writeInteger(UInt64.random(in: .min ... .max)) }
        #expect(Gzip.compress(random) == nil)
    }

    // MARK: - On the wire

    private func with(_ body: (HTTP2Channel) async throws -> Void) async throws {
        let server = try await TestServer()
        let channel = try await server.http2()
        do { try await body(channel) } catch {
            await channel.close()
            await server.server.shutDown(drain: .zero)
            throw error
        }
        await channel.close()
        await server.server.shutDown(drain: .zero)
    }

    private func headers(_ method: MethodDescriptor, _ more: [String: String]) -> HPACKHeaders {
        var headers = HTTP2Channel.headers(method.fullName)
        for (name, value) in more { headers.add(name: name, value: value) }
        return headers
    }

    @Test("a message that is compressed without a word in the headers is refused")
    func unannounced() async throws {
        try await with { channel in
            let answer = try await channel.exchange(
                headers(TestMethods.echo, [:]), { try await $0.write(self.text) }, gzip: true)
            #expect(answer.error?.code == .internalError)
            #expect(answer.error?.reason == "UNKNOWN_ENCODING")
        }
    }

    @Test("a compressed request over the limit is refused")
    func bombOnTheWire() async throws {
        try await with { channel in
            let zeros = ByteBuffer(repeating: 0, count: CallLimits.standard.messageBytesMax + 1)
            let answer = try await channel.exchange(
                headers(TestMethods.echo, ["grpc-encoding": "gzip"]),
                { try await $0.write(zeros) }, gzip: true)
            #expect(answer.error?.reason == "MESSAGE_TOO_LARGE")
        }
    }

    @Test(
        "a compressed request is answered in kind where the caller accepts it",
        arguments: [("gzip", true), ("identity, gzip", true), ("identity", false), ("", false)])
    func inKind(_ accepts: String, _ isCompressed: Bool) async throws {
        try await with { channel in
            let names = ["grpc-encoding": "gzip", "grpc-accept-encoding": accepts]
            let answer = try await channel.exchange(
                headers(TestMethods.fast, names), { try await $0.write(self.text) },
                { #expect($0 == self.text) }, gzip: true)
            #expect(answer.error == nil)
            #expect(answer.value("grpc-encoding") == (isCompressed ? "gzip" : nil))
            #expect(answer.compressedMessages == (isCompressed ? 1 : 0))
        }
    }

    @Test("who does not compress gets nothing compressed")
    func plain() async throws {
        try await with { channel in
            let answer = try await channel.exchange(
                headers(TestMethods.echo, ["grpc-accept-encoding": "gzip"]),
                { try await $0.write(self.text) }, { #expect($0 == self.text) })
            #expect(answer.error == nil)
            #expect(answer.compressedMessages == 0)
        }
    }

    @Test("compressed requests of a stream all arrive")
    func streamed() async throws {
        try await with { channel in
            let answer = try await channel.exchange(
                headers(TestMethods.collect, ["grpc-encoding": "gzip"]),
                { writer in for _ in 0..<20 { try await writer.write(self.text) } },
                { #expect(String(buffer: $0) == "20 \(20 * self.text.readableBytes)") },
                gzip: true)
            #expect(answer.error == nil)
        }
    }
}
