import NIOCore

extension ByteBuffer {
    /// The end of a call that failed.
    mutating func writeFailure(streamID: UInt32, _ error: RPCError) {
        var end = WireEnd()
        end.status = UInt32(error.code.rawValue)
        end.reason = error.reason
        end.message = error.message
        end.metadata = error.metadata
        writeFrame(streamID: streamID, .end(end))
    }

    /// No further streams; the error says why, nil that the server merely drains.
    mutating func writeGoAway(lastStreamID: UInt32, _ error: RPCError?) {
        var goAway = WireGoAway()
        goAway.lastStreamID = lastStreamID
        if let error {
            goAway.status = UInt32(error.code.rawValue)
            goAway.reason = error.reason
            goAway.message = error.message
        }
        writeFrame(streamID: 0, .goAway(goAway))
    }

    mutating func writePing(_ data: UInt64, isAcknowledgement: Bool) {
        var ping = WirePing()
        ping.data = data
        ping.acknowledgement = isAcknowledgement
        writeFrame(streamID: 0, .ping(ping))
    }

    mutating func writeCredit(streamID: UInt32, _ bytes: Int) {
        var credit = WireCredit()
        credit.bytes = UInt32(clamping: bytes)
        writeFrame(streamID: streamID, .credit(credit))
    }
}

extension RPCError {
    /// What an end or go-away frame says.
    init(frame: FrameBuffer.Frame) throws(FrameError) {
        self.init(
            Code(rawValue: Int(clamping: frame.view.number)) ?? .unknown,
            reason: frame.string(frame.view.name), message: frame.string(frame.view.text),
            metadata: try frame.metadata())
    }

    /// The peer does not keep to the protocol.
    static func protocolViolation(_ message: String) -> RPCError {
        RPCError(.invalidArgument, reason: "PROTOCOL_VIOLATION", message: message)
    }

    /// Why received bytes are not a frame.
    static func unreadable(_ error: FrameError, frameBytesMax: Int) -> RPCError {
        switch error {
        case .garbled: protocolViolation("What was received is not a frame of portolan-rpc/1.")
        case .tooLarge(let size):
            RPCError(
                .resourceExhausted, reason: "FRAME_TOO_LARGE",
                message: "A frame of \(size) bytes was announced; \(frameBytesMax) are allowed.")
        }
    }
}
