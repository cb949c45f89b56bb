import NIOCore
import NIOEmbedded
import Testing

@testable import RPC

/// What Tests/Fuzzing has found in the client's connection.
@Suite("Answers that are garbled")
struct GarbledAnswerTests {
    @Test("a refusal whose metadata is garbled ends the connection, and every call on it")
    func refusal() throws {
        let channel = EmbeddedChannel()
        let opened = channel.eventLoop.makePromise(of: Void.self)
        let connection = ClientConnection(
            configuration: .standard, peerName: "test", opened: opened, onUnusable: {})
        try channel.pipeline.syncOperations.addHandler(connection)
        var settings = ByteBuffer()
        settings.writeFrame(streamID: 0, .settings(WireSettings()))
        try channel.writeInbound(settings)
        let calls = (0..<2).map { _ in
            ClientCall(
                method: TestMethods.echo, request: ByteBuffer(), metadata: [:], deadline: .never)
        }
        for call in calls { connection.start(call) }
        var answer = ByteBuffer()
        // Stream 1, end, status 9, and a pair whose length is more than there is.
        answer.writeInteger(UInt32(9))
        answer.writeBytes([0x08, 1, 0x22, 5, 0x10, 9, 0x2a, 1, 0x47])
        try channel.writeInbound(answer)
        _ = try? channel.finish(acceptAlreadyClosed: true)
        #expect(calls.count { $0.hasEnded } == 2)
    }
}
