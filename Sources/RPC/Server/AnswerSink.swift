import NIOCore

/// Takes an answer that is lent, such as a record where it is stored: its bytes go straight into what
/// is sent.
///
/// For the one call it was made for, within the call of its handler.
// Sendable so that it can be taken into a read under a lock: whoever made it waits for that read.
public struct AnswerSink: @unchecked Sendable {
    private let target: UnsafeMutablePointer<AnswerTarget>

    init(_ target: UnsafeMutablePointer<AnswerTarget>) { self.target = target }

    /// Writes the encoded response. Once; the handler then answers `.written`.
    public func write(_ bytes: UnsafeRawBufferPointer) { target.pointee.write(bytes) }
}

/// Where answers are written: the buffer of a burst, or of one answer.
struct AnswerTarget {
    var buffer = ByteBuffer()
    /// Bytes of the answer that was written last.
    private(set) var answerBytes = 0
    /// Answers to this stream are framed; nil: they are written as they are.
    private var streamID: UInt32?
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Whether the answer was too large, and therefore not written.
    var isTooLarge: Bool { answerBytes > bytesMax }

    mutating func begin(streamID: UInt32) {
        self.streamID = streamID
        answerBytes = 0
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        answerBytes = bytes.count
        guard !isTooLarge else { return }
        if let streamID {
            buffer.writeAnswer(streamID: streamID, payload: bytes)
        } else {
            buffer.writeBytes(bytes)
        }
    }
}

extension MethodTable.Entry {
    /// What the fast path says, for transports that send the answer by itself; `.later` without one.
    func immediateAnswer(
        _ request: ByteBuffer, _ context: ServerContext, _ limits: CallLimits
    ) -> ImmediateAnswer {
        guard let immediate = immediate(with: context.metadata) else { return .later }
        var target = AnswerTarget(bytesMax: limits.messageBytesMax)
        let answer = request.withUnsafeReadableBytes { bytes in
            withUnsafeMutablePointer(to: &target) { immediate(bytes, context.peer, AnswerSink($0)) }
        }
        guard case .written = answer else { return answer }
        return target.isTooLarge
            ? .failure(.answerTooLarge(target.answerBytes, limits)) : .answer(target.buffer)
    }
}
