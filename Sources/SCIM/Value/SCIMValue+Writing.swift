package import Foundation

extension SCIMValue {
    /// The value as JSON text, names in their order.
    package func serialized() -> Data {
        var output: [UInt8] = []
        output.reserveCapacity(1024)
        write(to: &output)
        return Data(output)
    }

    private func write(to output: inout [UInt8]) {
        switch self {
        case .null: output += "null".utf8
        case .bool(let value): output += (value ? "true" : "false").utf8
        case .integer(let value): output += String(value).utf8
        case .number(let value): output += (value.isFinite ? String(value) : "null").utf8
        case .string(let text): text.writeJSON(to: &output)
        case .array(let values):
            output.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                value.write(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let object):
            output.append(UInt8(ascii: "{"))
            for (index, entry) in object.entries.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                entry.name.writeJSON(to: &output)
                output.append(UInt8(ascii: ":"))
                entry.value.write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }
}

extension String {
    /// As a JSON string (RFC 8259, section 7). A Swift string is always valid UTF-8.
    fileprivate func writeJSON(to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: output += Self.escaped(byte)
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func escaped(_ control: UInt8) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return "\\u00".utf8 + [digits[Int(control >> 4)], digits[Int(control & 15)]]
    }
}
