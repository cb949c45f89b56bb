import Contracts
import RPC
import ReplicatedState
import SwiftProtobuf
import Testing

@Suite("Walking over encoded fields")
struct WireReaderTests {
    @Test(
        "cut off and garbled messages end the walk as malformed",
        arguments: [
            [0x0a], [0x0a, 0x05, 0x01], [0x08], [0x08, 0x80], [0x07, 0x00], [0x00],
            [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], [0x0d, 1, 2, 3],
        ] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            var reader = WireReader(bytes)
            while reader.next() != nil {}
            #expect(reader.isMalformed)
        }
    }

    @Test("fields are found as SwiftProtobuf wrote them")
    func agrees() throws {
        var position = LogPosition()
        position.stream = "region/eu-central-1"
        position.epoch = 300
        position.sequence = .max
        let bytes: [UInt8] = try position.serializedBytes()
        bytes.withUnsafeBytes { bytes in
            #expect(WireReader.bytes(of: 1, in: bytes).map(String.init(wire:)) == position.stream)
            var numbers: [UInt64] = []
            var reader = WireReader(bytes)
            while let field = reader.next() {
                if case .varint(let number) = field.value { numbers.append(number) }
            }
            #expect(numbers == [300, .max])
            #expect(!reader.isMalformed)
        }
    }
}

@Suite("A signal", .timeLimit(.minutes(1)))
struct SignalTests {
    @Test("waiting ends at the deadline when the condition never holds")
    func deadline() async throws {
        let signal = Signal()
        #expect(try await signal.wait(until: .after(.milliseconds(20))) { false } == false)
    }

    @Test("waiting ends with the task")
    func cancellation() async {
        let signal = Signal()
        let task = Task { try await signal.wait(until: .never) { false } }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("too many waiters are refused")
    func bound() async throws {
        let signal = Signal(waitersMax: 0)
        await #expect(throws: RPCError.self) {
            try await signal.wait(until: .after(.seconds(1))) { false }
        }
    }
}
