import Foundation

/// Writes an object as JSON: names sorted, no spaces, slashes as they are.
///
/// Every event of the trail and every answer of the portal's APIs is written so: this is quick for what
/// they are made of (texts, numbers, flags, lists and objects of them) and leaves everything else to
/// Foundation.
public struct JSONText {
    private static let depthMax = 32

    private var bytes: [UInt8] = []

    /// The object as JSON; empty when it has no members or holds what JSON cannot say.
    public static func text(_ object: [String: any Sendable]) -> String {
        guard !object.isEmpty else { return "" }
        var json = JSONText()
        json.bytes.reserveCapacity(256)
        guard json.addObject(object, depth: 0) else { return foundationText(object) }
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private static func foundationText(_ object: [String: any Sendable]) -> String {
        guard JSONSerialization.isValidJSONObject(object),
            let data = try? JSONSerialization.data(
                withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
        else { return "" }
        return String(decoding: data, as: UTF8.self)
    }

    /// False when the value is of a kind that is not written here.
    private mutating func addValue(_ value: any Sendable, depth: Int) -> Bool {
        guard depth < Self.depthMax else { return false }
        switch value {
        case let text as String: addText(text)
        case let flag as Bool: bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        case let number as Int: bytes.append(contentsOf: String(number).utf8)
        case let number as Int64: bytes.append(contentsOf: String(number).utf8)
        case let texts as [String]: addTexts(texts)
        case let objects as [[String: any Sendable]]: return addObjects(objects, depth: depth)
        case let object as [String: String]: return addObject(object, depth: depth)
        case let object as [String: any Sendable]: return addObject(object, depth: depth)
        default: return false
        }
        return true
    }

    private mutating func addTexts(_ texts: [String]) {
        bytes.append(UInt8(ascii: "["))
        for (index, text) in texts.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            addText(text)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private mutating func addObjects(_ objects: [[String: any Sendable]], depth: Int) -> Bool {
        bytes.append(UInt8(ascii: "["))
        for (index, object) in objects.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            guard addObject(object, depth: depth + 1) else { return false }
        }
        bytes.append(UInt8(ascii: "]"))
        return true
    }

    private mutating func addObject<Value: Sendable>(
        _ object: [String: Value], depth: Int
    ) -> Bool {
        guard depth < Self.depthMax else { return false }
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for (name, value) in object.sorted(by: { $0.key < $1.key }) {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            addText(name)
            bytes.append(UInt8(ascii: ":"))
            guard addValue(value, depth: depth + 1) else { return false }
        }
        bytes.append(UInt8(ascii: "}"))
        return true
    }

    private mutating func addText(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { addEscaped($0) }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Most texts have nothing to escape, and are then copied as they are.
    private mutating func addEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        let isPlain = text.allSatisfy {
            $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        if isPlain { return bytes.append(contentsOf: text) }
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0x08: bytes.append(contentsOf: "\\b".utf8)
            case 0x0C: bytes.append(contentsOf: "\\f".utf8)
            case 0..<0x20:
                let hex = String(byte, radix: 16)
                bytes.append(contentsOf: "\\u00".utf8)
                if byte < 0x10 { bytes.append(UInt8(ascii: "0")) }
                bytes.append(contentsOf: hex.utf8)
            default: bytes.append(byte)
            }
        }
    }
}
