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
