import NIOCore

/// One frame as the fast path sees it: its numbers, and where in its bytes the rest lies.
///
/// Equivalent to the generated `WireFrame`; the tests compare the two.
struct FrameView: Equatable {
    enum Kind: UInt64 {
        case call = 2
        case message = 3
        case end = 4
        case cancel = 5
        case credit = 6
        case ping = 7
        case goAway = 8
        case settings = 9
    }

    var kind: Kind
    var streamID: UInt32 = 0
    /// Field 1: method or reason.
    var name: Range<Int> = 0..<0
    /// Field 2: timeout, status, credit or ping data.
    var number: UInt64 = 0
    /// Field 3; nil when absent.
    var payload: Range<Int>?
    /// Field 4: end of requests, or acknowledgement.
    var flag = false
    /// Field 5 occurs; `metadata(in:)` reads it.
    var hasMetadata = false
    /// Field 6: message for people.
    var text: Range<Int> = 0..<0
    /// Field 7.
    var lastStreamID: UInt32 = 0
    /// Fields 8 to 10.
    var settings = WireLimits()
    /// Where the body lies.
    private var body: Range<Int> = 0..<0

    /// Reads a frame without its length. Offsets count from the start of `bytes`.
    init(_ bytes: UnsafeRawBufferPointer) throws(FrameError) {
        var reader = WireReader(bytes, 0..<bytes.count)
        var kind: Kind?
        while !reader.isAtEnd {
            let tag = try reader.varint()
            if tag == 1 << 3 {
                streamID = try Self.uint32(reader.varint())
            } else if tag & 7 == 2, let found = Kind(rawValue: tag >> 3) {
                guard kind == nil else { throw .garbled }
                kind = found
                body = try reader.lengthDelimited()
            } else {
                guard tag >> 3 > 9 else { throw .garbled }
                try reader.skip(wireType: tag & 7)
            }
        }
        guard let kind else { throw .garbled }
        self.kind = kind
        try readBody(bytes)
    }

    private mutating func readBody(_ bytes: UnsafeRawBufferPointer) throws(FrameError) {
        var reader = WireReader(bytes, body)
        while !reader.isAtEnd {
            let tag = try reader.varint()
            switch tag {
            case 1 << 3 | 2: name = try reader.lengthDelimited()
            case 2 << 3: number = try reader.varint()
            case 3 << 3 | 2: payload = try reader.lengthDelimited()
            case 4 << 3: flag = try reader.varint() != 0
            case 5 << 3 | 2:
                _ = try reader.lengthDelimited()
                hasMetadata = true
            case 6 << 3 | 2: text = try reader.lengthDelimited()
            case 7 << 3: lastStreamID = try Self.uint32(reader.varint())
            case 8 << 3: settings.frameBytesMax = try Self.uint32(reader.varint())
            case 9 << 3: settings.streamsMax = try Self.uint32(reader.varint())
            case 10 << 3: settings.streamCreditBytes = try Self.uint32(reader.varint())
            default:
                guard tag >> 3 > 10 else { throw .garbled }
                try reader.skip(wireType: tag & 7)
            }
        }
    }

    private static func uint32(_ value: UInt64) throws(FrameError) -> UInt32 {
        guard let value = UInt32(exactly: value) else { throw .garbled }
        return value
    }

    /// The pairs of field 5; a later one of the same name wins.
    func metadata(in bytes: UnsafeRawBufferPointer) throws(FrameError) -> [String: String] {
        guard hasMetadata else { return [:] }
        var pairs: [String: String] = [:]
        var reader = WireReader(bytes, body)
        while !reader.isAtEnd {
            let tag = try reader.varint()
            guard tag == 5 << 3 | 2 else {
                try reader.skip(wireType: tag & 7)
                continue
            }
            let (name, value) = try Self.pair(bytes, reader.lengthDelimited())
            pairs[name] = value
        }
        return pairs
    }

    private static func pair(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>
    ) throws(FrameError) -> (String, String) {
        var reader = WireReader(bytes, range)
        var name: Range<Int> = 0..<0
        var value: Range<Int> = 0..<0
        while !reader.isAtEnd {
            let tag = try reader.varint()
            switch tag {
            case 1 << 3 | 2: name = try reader.lengthDelimited()
            case 2 << 3 | 2: value = try reader.lengthDelimited()
            default: try reader.skip(wireType: tag & 7)
            }
        }
        return (
            String(decoding: UnsafeRawBufferPointer(rebasing: bytes[name]), as: UTF8.self),
            String(decoding: UnsafeRawBufferPointer(rebasing: bytes[value]), as: UTF8.self)
        )
    }
}

/// What a settings frame says; 0 stands for the protocol's default.
struct WireLimits: Equatable {
    var frameBytesMax: UInt32 = 0
    var streamsMax: UInt32 = 0
    var streamCreditBytes: UInt32 = 0

    /// The defaults of the protocol, which hold until settings arrive.
    static let defaultFrameBytesMax = (4 << 20) + (64 << 10)
    static let defaultStreamsMax = 100
    static let defaultStreamCreditBytes = 1 << 20
}
