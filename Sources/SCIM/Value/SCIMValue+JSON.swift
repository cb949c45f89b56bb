package import Foundation

extension SCIMValue {
    /// Parses a request body. At most 1 MiB (`maxPayloadSize`) and 16 levels deep.
    ///
    /// Throws: `invalidSyntax`, or status 413.
    package static func parse(_ body: Data) throws -> SCIMValue {
        guard body.count <= SCIMLimits.bodyBytesMax else {
            throw SCIMError(
                status: 413, detail: "The body is larger than \(SCIMLimits.bodyBytesMax) bytes.")
        }
        let json: Any
        do {
            json = try JSONSerialization.jsonObject(with: body, options: [.fragmentsAllowed])
        } catch {
            throw SCIMError.bad(.invalidSyntax, "The body is not JSON.")
        }
        return try convert(json, depth: 0)
    }

    private static func convert(_ json: Any, depth: Int) throws -> SCIMValue {
        guard depth <= 16 else { throw SCIMError.bad(.invalidSyntax, "The body nests too deeply.") }
        switch json {
        case let text as String: return .string(text)
        case let number as NSNumber: return convert(number)
        case let values as [Any]:
            return .array(try values.map { try convert($0, depth: depth + 1) })
        case let object as [String: Any]:
            var result = SCIMObject()
            for name in object.keys.sorted() {
                guard let value = object[name] else { continue }
                result[name] = try convert(value, depth: depth + 1)
            }
            return .object(result)
        default: return .null
        }
    }

    private static func convert(_ number: NSNumber) -> SCIMValue {
        if isBoolean(number) { return .bool(number.boolValue) }
        if let integer = Int64(exactly: number.doubleValue) { return .integer(integer) }
        return .number(number.doubleValue)
    }

    /// Foundation hands out booleans as numbers of the Objective-C type "signed char".
    private static func isBoolean(_ number: NSNumber) -> Bool {
        ["c", "B"].contains(String(cString: number.objCType))
    }

    /// The value as JSON text, names sorted.
    package func serialized() -> Data {
        let options: JSONSerialization.WritingOptions = [
            .fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes,
        ]
        return (try? JSONSerialization.data(withJSONObject: json, options: options)) ?? Data()
    }

    private var json: Any {
        switch self {
        case .null: NSNull()
        case .bool(let value): value
        case .integer(let value): value
        case .number(let value): value.isFinite ? value : 0
        case .string(let value): value
        case .array(let values): values.map(\.json)
        case .object(let object):
            Dictionary(
                object.entries.map { ($0.name, $0.value.json) }, uniquingKeysWith: { first, _ in first })
        }
    }
}

/// Bounds on what a request may ask.
package enum SCIMLimits {
    package static let bodyBytesMax = 1_048_576
    package static let filterBytesMax = 4_096
    package static let filterDepthMax = 16
    package static let operationsMax = 1_000
    /// Results of one page.
    package static let pageSizeMax = 1_000
}
