import NIOCore
import Synchronization
import Testing

@testable import RPC

/// What a call made by a handler takes over from the call that the handler answers.
@Suite("onward calls", .timeLimit(.minutes(1)))
struct OnwardTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("an onward call gets no more time than the caller has", arguments: Transport.allCases)
    func deadline(_ transport: Transport) async throws {
        let behind = TestService()
        let onward = InProcessTransport(methods: behind.table(), peer: TestServer.directory)
        try await transport.with { channel, service in
            service.onward.withLock {
                $0 = {
                    try await onward.unary(
                        TestMethods.hang, request: ByteBuffer(),
                        options: CallOptions(timeout: .seconds(60)))
                }
            }
            _ = try await channel.unary(
                TestMethods.echo, request: ByteBuffer(), options: .standard)
            let error = await overdue(after: .seconds(1), until: { behind.hasBegun }) {
                try await channel.unary(TestMethods.relay, request: ByteBuffer(), options: $0)
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(await eventually { behind.isCancelled })
        }
    }

    @Test("an onward call carries the caller's trace", arguments: Transport.allCases)
    func trace(_ transport: Transport) async throws {
        let onward = InProcessTransport(methods: TestService().table(), peer: TestServer.directory)
        try await transport.with { channel, service in
            service.onward.withLock {
                $0 = {
                    try await onward.unary(
                        TestMethods.identify, request: ByteBuffer(), options: .standard)
                }
            }
            let metadata = ["traceparent": Self.parent, "other": "1"]
            let answer = try await channel.unary(
                TestMethods.relay, request: ByteBuffer(), options: CallOptions(metadata: metadata))
            #expect(
                String(buffer: answer)
                    == "service/directory@eu-west-1 [(key: \"traceparent\", value: "
                    + "\"\(Self.parent)\")]")
        }
    }

    @Test(
        "a malformed trace is not taken for one",
        arguments: [
            "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ])
    func malformed(_ text: String) {
        #expect(TraceContext(["traceparent": text]) == nil)
        #expect(TraceContext(["traceparent": Self.parent])?.traceID.count == 32)
    }
}
