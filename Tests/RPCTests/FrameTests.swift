import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

@testable import RPC

@Suite("frames")
struct FrameTests {
    /// One of each kind, with every field set.
    static func samples() -> [WireFrame] {
        let metadata = ["a": "1", "b-c": "", "d": String(repeating: "x", count: 300)]
        var call = WireCall()
        call.method = "portolan.directory.v1.Directory/GetUser"
        call.timeoutMicroseconds = 10_000_000
        call.payload = .init([1, 2, 3])
        call.endOfRequests = true
        call.metadata = metadata
        var message = WireMessage()
        message.payload = .init(repeating: 9, count: 200)
        message.endOfRequests = true
        var end = WireEnd()
        end.status = 9
        end.reason = "NOT_PRIMARY"
        end.message = "Schreiben Sie in Zürich."
        end.metadata = metadata
        end.payload = .init()
        var credit = WireCredit()
        credit.bytes = .max
        var ping = WirePing()
        ping.data = .max
        ping.acknowledgement = true
        var goAway = WireGoAway()
        goAway.status = 8
        goAway.reason = "FRAME_TOO_LARGE"
        goAway.message = "Too large."
        goAway.lastStreamID = 4_000_000_000
        var settings = WireSettings()
        settings.frameBytesMax = 4_259_840
        settings.streamsMax = 1000
        settings.streamCreditBytes = 1 << 20
        let bodies: [WireFrame.OneOf_Body] = [
            .call(call), .call(WireCall()), .message(message), .message(WireMessage()), .end(end),
            .end(WireEnd()), .cancel(WireCancel()), .credit(credit), .ping(ping),
            .goAway(goAway), .settings(settings),
        ]
        return bodies.enumerated().map { index, body in
            var frame = WireFrame()
            frame.streamID = [0, 1, 127, 128, .max][index % 5]
            frame.body = body
            return frame
        }
    }

    static func bytes(_ frames: [WireFrame]) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        for frame in frames {
            let bytes: [UInt8] = try frame.serializedBytes()
            buffer.writeInteger(UInt32(bytes.count))
            buffer.writeBytes(bytes)
        }
        return buffer
    }

    private func all(_ buffer: inout FrameBuffer) throws -> [WireFrame] {
        var frames: [WireFrame] = []
        while let frame = try buffer.next() { frames.append(try generated(frame)) }
        return frames
    }

    /// What the hand-written decoder found, as the generated message.
    private func generated(_ frame: FrameBuffer.Frame) throws -> WireFrame {
        let view = frame.view
        var result = WireFrame()
        result.streamID = view.streamID
        let payload = frame.payload.map { [UInt8](buffer: $0) }
        switch view.kind {
        case .call:
            result.call.method = frame.string(view.name)
            result.call.timeoutMicroseconds = view.number
            if let payload { result.call.payload = .init(payload) }
            result.call.endOfRequests = view.flag
            result.call.metadata = try frame.metadata()
        case .message:
            result.message = WireMessage()
            if let payload { result.message.payload = .init(payload) }
            result.message.endOfRequests = view.flag
        case .end:
            result.end.status = UInt32(truncatingIfNeeded: view.number)
            result.end.reason = frame.string(view.name)
            result.end.message = frame.string(view.text)
            if let payload { result.end.payload = .init(payload) }
            result.end.metadata = try frame.metadata()
        case .cancel: result.cancel = WireCancel()
        case .credit: result.credit.bytes = UInt32(truncatingIfNeeded: view.number)
        case .ping:
            result.ping.data = view.number
            result.ping.acknowledgement = view.flag
        case .goAway:
            result.goAway.status = UInt32(truncatingIfNeeded: view.number)
            result.goAway.reason = frame.string(view.name)
            result.goAway.message = frame.string(view.text)
            result.goAway.lastStreamID = view.lastStreamID
        case .settings:
            result.settings.frameBytesMax = view.settings.frameBytesMax
            result.settings.streamsMax = view.settings.streamsMax
            result.settings.streamCreditBytes = view.settings.streamCreditBytes
        }
        return result
    }

    @Test("a frame without a body, or with two, is garbage")
    func bodies() throws {
        let end: [UInt8] = [0x22, 0]
        for bytes in [[], [0x08, 1], end + end, [0x12, 0] + end] as [[UInt8]] {
            var buffer = FrameBuffer(frameBytesMax: 100)
            buffer.append(ByteBuffer(integer: UInt32(bytes.count)))
            buffer.append(ByteBuffer(bytes: bytes))
            #expect(throws: FrameError.garbled) { try buffer.next() }
        }
    }

    @Test(
        "bytes that are no protobuf are garbage",
        arguments: [
            [0xff], [0x08], [0x22, 5, 0x1a], [0x22, 3, 0x1a, 9, 1], [0x0b], [0x22, 1, 0x0b],
            [0x08, 0x80, 0x80, 0x80, 0x80, 0x10, 0x22, 0],
            [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x22, 0],
            [0x09, 0, 0, 0, 0, 0, 0, 0, 0], [0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ] as [[UInt8]])
    func garbage(_ bytes: [UInt8]) throws {
        var buffer = FrameBuffer(frameBytesMax: 100)
        var framed = ByteBuffer(integer: UInt32(bytes.count))
        framed.writeBytes(bytes)
        buffer.append(framed)
        #expect(throws: FrameError.garbled) { try buffer.next() }
    }

    @Test("an announced length over the limit fails before its bytes come")
    func tooLarge() throws {
        var buffer = FrameBuffer(frameBytesMax: 100)
        buffer.append(ByteBuffer(integer: UInt32(101)))
        #expect(throws: FrameError.tooLarge(101)) { try buffer.next() }
    }

    @Test("every truncation of a frame waits or fails, and never yields a frame")
    func truncated() throws {
        for frame in Self.samples() {
            let bytes = try Self.bytes([frame])
            for count in 0..<bytes.readableBytes {
                var buffer = FrameBuffer(frameBytesMax: 10_000)
                buffer.append(try #require(bytes.getSlice(at: 0, length: count)))
                #expect(try buffer.next() == nil)
                #expect(buffer.isPartial == (count > 0))
            }
            // Cut off inside, with a length that fits: an error, or a frame that says less.
            for count in 4..<bytes.readableBytes {
                var cut = ByteBuffer(integer: UInt32(count - 4))
                cut.writeImmutableBuffer(try #require(bytes.getSlice(at: 4, length: count - 4)))
                var buffer = FrameBuffer(frameBytesMax: 10_000)
                buffer.append(cut)
                let found = try? buffer.next().map { try generated($0) }
                #expect(found == nil || found != frame)
            }
        }
    }

    @Test("the hand-written decoder reads what the generated encoder writes, split at every byte")
    func split() throws {
        let frames = Self.samples()
        let bytes = try Self.bytes(frames)
        for position in 0...bytes.readableBytes {
            var buffer = FrameBuffer(frameBytesMax: 10_000)
            var found: [WireFrame] = []
            buffer.append(try #require(bytes.getSlice(at: 0, length: position)))
            found += try all(&buffer)
            buffer.append(
                try #require(
                    bytes.getSlice(at: position, length: bytes.readableBytes - position)))
            found += try all(&buffer)
            #expect(found == frames)
            #expect(!buffer.isPartial)
        }
    }

    @Test("the generated decoder reads what the hand-written encoder writes")
    func encoder() throws {
        let payloads = [0, 1, 127, 128, 16_383, 16_384].map { ByteBuffer(repeating: 5, count: $0) }
        for payload in payloads {
            let bytes = [UInt8](buffer: payload)
            for id in [1, 127, 128, UInt32.max] {
                var buffer = ByteBuffer()
                buffer.writeAnswer(streamID: id, payload: payload)
                buffer.writeMessage(streamID: id, payload: payload, isLast: id == 1)
                buffer.writeCall(
                    streamID: id, method: "a.B/C", timeoutMicroseconds: UInt64(id) - 1,
                    metadata: id == 1 ? [:] : ["n": "v", "m": "w"], payload: payload)
                var expected = [WireFrame(), WireFrame(), WireFrame()]
                for index in expected.indices { expected[index].streamID = id }
                expected[0].end.payload = .init(bytes)
                expected[1].message.payload = .init(bytes)
                expected[1].message.endOfRequests = id == 1
                expected[2].call.method = "a.B/C"
                expected[2].call.timeoutMicroseconds = UInt64(id) - 1
                expected[2].call.payload = .init(bytes)
                expected[2].call.endOfRequests = true
                expected[2].call.metadata = id == 1 ? [:] : ["n": "v", "m": "w"]
                for frame in expected {
                    let length = buffer.readInteger(as: UInt32.self) ?? 0
                    let body = buffer.readBytes(length: Int(length)) ?? []
                    #expect(try WireFrame(serializedBytes: body) == frame)
                }
                #expect(buffer.readableBytes == 0)
            }
        }
    }

    @Test("the bytes of the documentation are what is sent")
    func documented() throws {
        var buffer = ByteBuffer()
        buffer.writeCall(
            streamID: 1, method: "portolan.directory.v1.Directory/GetUser",
            timeoutMicroseconds: 10_000_000, metadata: [:],
            payload: ByteBuffer(bytes: [0x0a, 2, 0x75, 0x31]))
        #expect(
            [UInt8](buffer: buffer)
                == [0, 0, 0, 0x3a, 8, 1, 0x12, 0x36, 0x0a, 0x27]
                + Array("portolan.directory.v1.Directory/GetUser".utf8)
                + [0x10, 0x80, 0xad, 0xe2, 4, 0x1a, 4, 0x0a, 2, 0x75, 0x31, 0x20, 1])
        buffer.clear()
        buffer.writeFailure(
            streamID: 1,
            RPCError(.notFound, reason: "USER_NOT_FOUND", message: "No user u1."))
        #expect(
            [UInt8](buffer: buffer)
                == [0, 0, 0, 0x23, 8, 1, 0x22, 0x1f, 0x0a, 0x0e] + Array("USER_NOT_FOUND".utf8)
                + [0x10, 5, 0x32, 0x0b] + Array("No user u1.".utf8))
        buffer.clear()
        buffer.writeCredit(streamID: 3, 262_144)
        #expect(
            [UInt8](buffer: buffer) == [0, 0, 0, 8, 8, 3, 0x32, 4, 0x10, 0x80, 0x80, 0x10])
    }

    @Test("so are those of the frames of a connection")
    func documentedControl() {
        func bytes(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
            var buffer = ByteBuffer()
            write(&buffer)
            return [UInt8](buffer: buffer)
        }
        var settings = WireSettings()
        settings.frameBytesMax = 4_259_840
        settings.streamsMax = 1_000
        settings.streamCreditBytes = 262_144
        let first = bytes { $0.writeFrame(streamID: 0, .settings(settings)) }
        #expect(
            first == [
                0, 0, 0, 0x0e, 0x4a, 0x0c, 0x40, 0x80, 0x80, 0x84, 2, 0x48, 0xe8, 7, 0x50, 0x80,
                0x80, 0x10,
            ])
        let message = bytes {
            $0.writeMessage(streamID: 3, payload: ByteBuffer(bytes: [0x0a, 2, 0x68, 0x69]))
        }
        #expect(message == [0, 0, 0, 0x0a, 8, 3, 0x1a, 6, 0x1a, 4, 0x0a, 2, 0x68, 0x69])
        let cancel = bytes { $0.writeFrame(streamID: 3, .cancel(WireCancel())) }
        #expect(cancel == [0, 0, 0, 4, 8, 3, 0x2a, 0])
        #expect(
            bytes { $0.writePing(7, isAcknowledgement: false) } == [0, 0, 0, 4, 0x3a, 2, 0x10, 7])
        #expect(
            bytes { $0.writePing(7, isAcknowledgement: true) }
                == [0, 0, 0, 6, 0x3a, 4, 0x10, 7, 0x20, 1])
        #expect(
            bytes { $0.writeGoAway(lastStreamID: 41, nil) } == [0, 0, 0, 4, 0x42, 2, 0x38, 0x29])
        let tooLarge = RPCError(.resourceExhausted, reason: "FRAME_TOO_LARGE", message: "")
        #expect(
            bytes { $0.writeGoAway(lastStreamID: 41, tooLarge) }
                == [0, 0, 0, 0x17, 0x42, 0x15, 0x0a, 0x0f] + Array("FRAME_TOO_LARGE".utf8)
                + [0x10, 8, 0x38, 0x29])
    }

    @Test("unknown fields of a later version are skipped")
    func unknownFields() throws {
        let known = try #require(Self.samples().first)
        var bytes: [UInt8] = try known.serializedBytes()
        // Field 100, varint, and field 101, bytes, after the body.
        bytes += [0xa0, 0x06, 1, 0xaa, 0x06, 2, 0, 0]
        var framed = ByteBuffer(integer: UInt32(bytes.count))
        framed.writeBytes(bytes)
        var buffer = FrameBuffer(frameBytesMax: 10_000)
        buffer.append(framed)
        #expect(try buffer.next().map { try generated($0) } == known)
    }

    @Test("random bytes never crash the decoder")
    func random() throws {
        var generator = SplitMix(state: 20_261_124)
        let samples = try Self.samples().map { try $0.serializedBytes() as [UInt8] }
        for round in 0..<20_000 {
            var bytes = samples[round % samples.count]
            for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] =
                    UInt8.random(in: 0...255, using: &generator)
            }
            var buffer = FrameBuffer(frameBytesMax: 10_000)
            var framed = ByteBuffer(integer: UInt32(bytes.count))
            framed.writeBytes(bytes)
            buffer.append(framed)
            // Where both decoders accept, and the body is there once, they agree.
            guard let frame = try? buffer.next(), let mine = try? generated(frame) else { continue }
            guard let theirs = try? WireFrame(serializedBytes: bytes) else { continue }
            #expect(mine.streamID == theirs.streamID)
        }
    }
}

/// A small generator with a seed, so that failures repeat.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
