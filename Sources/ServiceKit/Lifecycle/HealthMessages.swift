import NIOCore
import RPC
import SwiftProtobuf

/// The two messages of grpc.health.v1, which have the wire shape of well-known types.
enum HealthMessages {
    private static let reasonField: UInt64 = 1_000

    static func request(_ service: String) -> ByteBuffer {
        guard !service.isEmpty else { return ByteBuffer() }
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt8(0x0A))
        writeText(service, to: &buffer)
        return buffer
    }

    /// Throws: INVALID_ARGUMENT MALFORMED_MESSAGE.
    static func service(_ payload: ByteBuffer) throws -> String {
        try MessageCoding.decode(Google_Protobuf_StringValue.self, from: payload).value
    }

    static func response(_ status: HealthService.Status, reason: String) -> ByteBuffer {
        var buffer = ByteBuffer(bytes: [0x08, status.rawValue])
        if !reason.isEmpty {
            writeVarint(reasonField << 3 | 2, to: &buffer)
            writeText(String(reason.prefix(500)), to: &buffer)
        }
        return buffer
    }

    static func status(_ payload: ByteBuffer) throws -> (HealthService.Status, String) {
        let message = try MessageCoding.decode(Google_Protobuf_Int32Value.self, from: payload)
        let status = HealthService.Status(rawValue: UInt8(clamping: message.value)) ?? .unknown
        var rest = ByteBuffer(bytes: message.unknownFields.data)
        guard readVarint(&rest) == reasonField << 3 | 2, let length = readVarint(&rest),
            length <= 4_096, let text = rest.readString(length: Int(length))
        else { return (status, "") }
        return (status, text)
    }

    private static func writeText(_ text: String, to buffer: inout ByteBuffer) {
        writeVarint(UInt64(text.utf8.count), to: &buffer)
        buffer.writeString(text)
    }

    private static func writeVarint(_ value: UInt64, to buffer: inout ByteBuffer) {
        var rest = value
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        buffer.writeInteger(UInt8(rest))
    }

    private static func readVarint(_ buffer: inout ByteBuffer) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = buffer.readInteger(as: UInt8.self) else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}
