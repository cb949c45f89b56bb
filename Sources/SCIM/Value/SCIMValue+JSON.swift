package import Foundation

extension SCIMValue {
    /// Parses a request body. At most 1 MiB (`maxPayloadSize`), 16 levels deep, 256 names in an
    /// object, none twice.
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
        case let object as [String: Any]: return try convert(object, depth: depth)
        case let values as [Any]:
            return .array(try values.map { try convert($0, depth: depth + 1) })
        // Last: asked whether it is a number, a whole object would be bridged to find out.
        case let number as NSNumber: return convert(number)
        default: return .null
        }
    }

    private static func convert(_ object: [String: Any], depth: Int) throws -> SCIMValue {
        // Look-up is linear, so that a wide object would cost the square of its width.
        guard object.count <= SCIMLimits.namesMax else {
            throw SCIMError.bad(
                .invalidSyntax, "An object has more than \(SCIMLimits.namesMax) names.")
        }
        var result = SCIMObject()
        for (name, value) in object.sorted(by: { $0.key < $1.key }) {
            guard result[name] == nil else {
                throw SCIMError.bad(.invalidSyntax, "\(name.prefix(64)) occurs twice.")
            }
            result[name] = try convert(value, depth: depth + 1)
        }
        return .object(result)
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
}

/// Bounds on what a request may ask.
package enum SCIMLimits {
    package static let bodyBytesMax = 1_048_576
    package static let filterBytesMax = 4_096
    package static let filterDepthMax = 16
    package static let operationsMax = 1_000
    static let namesMax = 256
    /// Results of one page.
    package static let pageSizeMax = 1_000
}
