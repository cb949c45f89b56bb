import NIOCore

/// How large the parts of one call may be, and how long it may take. Both ends check.
package struct CallLimits: Sendable {
    /// Bytes of one encoded request or response message.
    package var messageBytesMax = 4 << 20
    /// Pairs of metadata, of a call or of an error.
    package var metadataPairsMax = 32
    /// Bytes of all names and values of the metadata.
    package var metadataBytesMax = 8 << 10
    /// What a unary call without a deadline gets, and the most that any unary call gets.
    package var unaryDurationMax = Duration.seconds(120)
    /// Bytes of answer a stream may send before the receiver asks for more.
    package var streamCreditBytes = 1 << 20

    package init() {}

    package static var standard: CallLimits { CallLimits() }

    /// Added to a message's size when it is charged to a stream's credit, so that empty ones count.
    static let messageOverheadBytes = 16

    /// Throws: RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE.
    func check(message: ByteBuffer) throws {
        guard message.readableBytes <= messageBytesMax else {
            throw RPCError.messageTooLarge(message.readableBytes, self)
        }
    }

    /// Throws: RESOURCE_EXHAUSTED METADATA_TOO_LARGE, INVALID_ARGUMENT METADATA_NAME.
    func check(metadata: [String: String]) throws {
        guard !metadata.isEmpty else { return }
        let bytes = metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard metadata.count <= metadataPairsMax, bytes <= metadataBytesMax else {
            throw RPCError(
                .resourceExhausted, reason: "METADATA_TOO_LARGE",
                message: "The metadata has \(metadata.count) pairs and \(bytes) bytes; "
                    + "\(metadataPairsMax) and \(metadataBytesMax) are allowed.")
        }
        guard metadata.keys.allSatisfy({ Self.isMetadataName($0.utf8) }) else {
            throw RPCError(
                .invalidArgument, reason: "METADATA_NAME",
                message: "Names of metadata consist of a-z, 0-9, dot, dash and underscore.")
        }
    }

    /// The deadline of a call, from what the caller asked for. Streams may have none.
    func deadline(
        timeout: Duration?, kind: MethodDescriptor.Kind, now: NIODeadline = .now()
    ) -> Deadline {
        switch (timeout, kind) {
        case (let timeout?, .unary): .after(min(timeout, unaryDurationMax), now: now)
        case (let timeout?, _): .after(timeout, now: now)
        case (nil, .unary): .after(unaryDurationMax, now: now)
        case (nil, _): .never
        }
    }

    static func isMetadataName(_ name: some Collection<UInt8>) -> Bool {
        guard (1...64).contains(name.count) else { return false }
        return name.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}

extension Deadline {
    /// No end by time.
    public static var never: Deadline { Deadline(instant: .distantFuture) }

    static func after(_ duration: Duration, now: NIODeadline) -> Deadline {
        Deadline(instant: now + .nanoseconds(max(0, duration.nanosecondsClamped)))
    }
}
