import NIOCore

/// A unary call as the fast path sees it: whole in one frame, without metadata.
///
/// Anything else is left to `FrameView`, which reads every frame; what both read, they read alike.
struct CallView: Equatable {
    private(set) var streamID: UInt32 = 0
    /// Where the method's name and the request lie, from the start of the frame.
    private(set) var method: Range<Int> = 0..<0
    private(set) var payload: Range<Int> = 0..<0

    /// Nil for everything that is no such call, malformed frames among it.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let body = readFrame(bytes), readBody(bytes, body) else { return nil }
    }

    /// The frame's number, then its body to the end.
    @inline(__always)
    private mutating func readFrame(_ bytes: UnsafeRawBufferPointer) -> Range<Int>? {
        var reader = WireReader(bytes, 0..<bytes.count)
        do throws(FrameError) {
            guard try reader.varint() == 1 << 3 else { return nil }
            guard let id = UInt32(exactly: try reader.varint()) else { return nil }
            streamID = id
            guard try reader.varint() == FrameView.Kind.call.rawValue << 3 | 2 else { return nil }
            let body = try reader.lengthDelimited()
            return reader.isAtEnd ? body : nil
        } catch {
            return nil
        }
    }

    @inline(__always)
    private mutating func readBody(_ bytes: UnsafeRawBufferPointer, _ body: Range<Int>) -> Bool {
        var reader = WireReader(bytes, body)
        var isWhole = false
        do throws(FrameError) {
            while !reader.isAtEnd {
                switch try reader.varint() {
                case 1 << 3 | 2: method = try reader.lengthDelimited()
                // An answer from memory is there before any deadline.
                case 2 << 3: _ = try reader.varint()
                case 3 << 3 | 2: payload = try reader.lengthDelimited()
                case 4 << 3: isWhole = try reader.varint() != 0
                default: return false
                }
            }
        } catch {
            return false
        }
        return isWhole
    }
}
