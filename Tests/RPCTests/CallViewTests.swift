import Foundation
import NIOCore
import SwiftProtobuf
import Testing

@testable import RPC

@Suite("calls answered from memory")
struct CallViewTests {
    private static func call(_ change: (inout WireCall) -> Void = { _ in }) -> WireFrame {
        var frame = WireFrame()
        frame.streamID = 300
        frame.call.method = "portolan.directory.v1.Directory/GetUser"
        frame.call.payload = .init([1, 2, 3])
        frame.call.endOfRequests = true
        change(&frame.call)
        return frame
    }

    private func view(_ bytes: [UInt8]) -> CallView? {
        bytes.withUnsafeBytes { CallView($0) }
    }

    @Test("what is no whole unary call without metadata is left to the other path")
    func declined() throws {
        var others = FrameTests.samples().filter { frame in
            if case .call = frame.body { false } else { true }
        }
        others.append(Self.call { $0.endOfRequests = false })
        others.append(Self.call { $0.metadata = ["a": "1"] })
        for frame in others { #expect(view(try frame.serializedBytes()) == nil) }
        #expect(view([]) == nil)
    }

    @Test("every truncation of a call is declined")
    func truncated() throws {
        let bytes: [UInt8] = try Self.call().serializedBytes()
        for count in 0..<bytes.count { #expect(view(Array(bytes[..<count])) == nil) }
    }

    @Test("what it reads, the decoder of all frames reads alike")
    func alike() throws {
        var generator = SystemRandomNumberGenerator()
        let bytes: [UInt8] = try Self.call { $0.timeoutMicroseconds = 10_000_000 }
            .serializedBytes()
        try expectAlike(bytes)
        var read = 0
        for _ in 0..<20_000 {
            var changed = bytes
            changed[Int.random(in: 0..<changed.count, using: &generator)] =
                .random(in: .min ... .max, using: &generator)
            if view(changed) != nil {
                read += 1
                try expectAlike(changed)
            }
        }
        #expect(read > 0)
    }

    private func expectAlike(_ bytes: [UInt8]) throws {
        let call = try #require(view(bytes))
        try bytes.withUnsafeBytes { bytes in
            let frame = try FrameView(bytes)
            #expect(frame.kind == .call && frame.flag && !frame.hasMetadata)
            #expect(frame.streamID == call.streamID)
            #expect(bytes[frame.name].elementsEqual(bytes[call.method]))
            #expect(bytes[frame.payload ?? 0..<0].elementsEqual(bytes[call.payload]))
        }
    }

    /// How many frames are lent to a reader of calls.
    private func lent(_ buffer: inout FrameBuffer) -> Int { buffer.lend { CallView($0) != nil } }

    @Test("frames are lent until one is declined, which stays with all behind it")
    func lending() throws {
        var buffer = FrameBuffer(frameBytesMax: 1_000)
        let frames = [
            Self.call(), Self.call(), Self.call { $0.metadata = ["a": "1"] }, Self.call(),
        ]
        buffer.append(try FrameTests.bytes(frames))
        let (first, again) = (lent(&buffer), lent(&buffer))
        #expect(first == 2)
        #expect(again == 0)
        let next = try buffer.next()
        let third = try #require(next)
        #expect(third.view.hasMetadata)
        let last = lent(&buffer)
        #expect(last == 1)
        let isEmpty = try buffer.next() == nil
        #expect(isEmpty)
    }

    @Test("a frame that is cut off or too large is not lent")
    func notLent() throws {
        let whole = try FrameTests.bytes([Self.call()])
        for count in 0..<whole.readableBytes {
            var buffer = FrameBuffer(frameBytesMax: 1_000)
            buffer.append(try #require(whole.getSlice(at: 0, length: count)))
            let taken = lent(&buffer)
            #expect(taken == 0)
        }
        var small = FrameBuffer(frameBytesMax: 10)
        small.append(whole)
        let taken = lent(&small)
        #expect(taken == 0)
        #expect(throws: FrameError.self) { try small.next() }
    }
}
