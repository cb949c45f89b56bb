import RPC
import SwiftProtobuf

/// Bodies of `call` frames.
enum NativeCall {
    /// Method, request, end of requests.
    static func body(_ method: MethodDescriptor, _ request: some Message) throws -> [UInt8] {
        let payload: [UInt8] = try request.serializedBytes()
        let name = Array(method.fullName.utf8)
        return [0x0a] + varint(name.count) + name + [0x1a] + varint(payload.count) + payload
            + [0x20, 0x01]
    }

    private static func varint(_ value: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f | 0x80))
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
