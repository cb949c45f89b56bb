import NIOCore

/// Cuts received bytes into frames. Holds at most one frame and one read more.
struct FrameBuffer {
    /// A frame and the bytes its ranges refer to.
    struct Frame {
        var view: FrameView
        var bytes: ByteBuffer

        /// The payload, sharing the storage of what was read.
        var payload: ByteBuffer? {
            guard let range = view.payload else { return nil }
            return bytes.getSlice(
                at: bytes.readerIndex + range.lowerBound, length: range.count)
        }

        func string(_ range: Range<Int>) -> String {
            bytes.withUnsafeReadableBytes {
                String(decoding: UnsafeRawBufferPointer(rebasing: $0[range]), as: UTF8.self)
            }
        }

        func metadata() throws(FrameError) -> [String: String] {
            guard view.hasMetadata else { return [:] }
            do {
                return try bytes.withUnsafeReadableBytes { try view.metadata(in: $0) }
            } catch {
                throw .garbled
            }
        }
    }

    private var buffer = ByteBuffer()
    private let frameBytesMax: Int

    init(frameBytesMax: Int) { self.frameBytesMax = frameBytesMax }

    /// Whether part of a frame has arrived.
    var isPartial: Bool { buffer.readableBytes > 0 }

    mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            var bytes = bytes
            buffer.discardReadBytes()
            buffer.writeBuffer(&bytes)
        }
    }

    /// Lends whole frames from the front until one is declined, which stays. Answers with how many
    /// were taken.
    ///
    /// The bytes must not be used once `take` returns.
    mutating func lend(_ take: (UnsafeRawBufferPointer) -> Bool) -> Int {
        let frameBytesMax = frameBytesMax
        var count = 0
        let taken = buffer.withUnsafeReadableBytes { bytes in
            var offset = 0
            while bytes.count - offset >= 4 {
                let length = Int(
                    UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
                // One that is too large is for `next` to refuse.
                guard length <= frameBytesMax, length <= bytes.count - offset - 4 else { break }
                let frame = UnsafeRawBufferPointer(
                    rebasing: bytes[offset + 4..<offset + 4 + length])
                guard take(frame) else { break }
                offset += 4 + length
                count += 1
            }
            return offset
        }
        buffer.moveReaderIndex(forwardBy: taken)
        return count
    }

    /// The next whole frame; nil when more bytes are needed. The length is checked before the
    /// frame's bytes are waited for.
    mutating func next() throws(FrameError) -> Frame? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else {
            if buffer.readableBytes == 0 { buffer = ByteBuffer() }
            return nil
        }
        guard length <= frameBytesMax else { throw .tooLarge(Int(length)) }
        guard
            let bytes = buffer.getSlice(at: buffer.readerIndex + 4, length: Int(length))
        else { return nil }
        buffer.moveReaderIndex(forwardBy: 4 + Int(length))
        do {
            let view = try bytes.withUnsafeReadableBytes { try FrameView($0) }
            return Frame(view: view, bytes: bytes)
        } catch {
            throw .garbled
        }
    }
}
