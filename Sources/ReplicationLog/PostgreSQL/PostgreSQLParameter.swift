import Foundation

/// One parameter of a statement, sent in binary form and never as part of its text.
enum PostgreSQLParameter {
    case null
    case integer(Int64)
    case flag(Bool)
    case text(String)
    case bytes(Data)
    /// A string kept as bytes: any UTF-8, zero bytes included.
    case textBytes(String)
    case integers([Int64])
    case flags([Bool])
    case byteStrings([Data?])

    /// The wire form; nil for NULL.
    var encoded: [UInt8]? {
        switch self {
        case .null: nil
        case .integer(let value): bigEndian(value)
        case .flag(let value): [value ? 1 : 0]
        case .text(let value): Array(value.utf8)
        case .textBytes(let value): Array(value.utf8)
        case .bytes(let value): Array(value)
        case .integers(let values):
            array(of: 20, values) { bytes, value in
                appendLength(8, to: &bytes)
                bytes.append(contentsOf: bigEndian(value))
            }
        case .flags(let values):
            array(of: 16, values) { bytes, value in
                appendLength(1, to: &bytes)
                bytes.append(value ? 1 : 0)
            }
        case .byteStrings(let values):
            array(of: 17, values) { bytes, value in
                guard let value else { return appendLength(-1, to: &bytes) }
                appendLength(Int32(value.count), to: &bytes)
                bytes.append(contentsOf: value)
            }
        }
    }

    /// A one-dimensional array: dimensions, whether it has nulls, element type, count, lower bound,
    /// then each element behind its length.
    private func array<Element>(
        of type: Int32, _ values: [Element], _ add: (inout [UInt8], Element) -> Void
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + values.count * 16)
        appendLength(values.isEmpty ? 0 : 1, to: &bytes)
        appendLength(1, to: &bytes)
        appendLength(type, to: &bytes)
        guard !values.isEmpty else { return bytes }
        appendLength(Int32(values.count), to: &bytes)
        appendLength(1, to: &bytes)
        for value in values { add(&bytes, value) }
        return bytes
    }
}

private func bigEndian(_ value: Int64) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

private func appendLength(_ value: Int32, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
}
