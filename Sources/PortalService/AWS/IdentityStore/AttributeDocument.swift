/// A value of any shape, as the API has for attributes: what Smithy calls a document.
enum AttributeDocument: Sendable, Equatable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([AttributeDocument])
    /// Names as they were sent.
    case object([String: AttributeDocument])
}

extension AttributeDocument: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([AttributeDocument].self) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: AttributeDocument].self))
        }
    }
}

extension AttributeDocument: Encodable {
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .flag(let flag): try container.encode(flag)
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .list(let list): try container.encode(list)
        case .object(let object): try container.encode(object)
        }
    }
}

/// What attributes are made of. `path` is for the message. Throws: `AWSError` ValidationException.
extension AttributeDocument {
    /// A text; empty for null, which removes. An empty text is refused, as at AWS.
    func text(_ path: String) throws -> String {
        switch self {
        case .null: return ""
        case .text(let text) where !text.isEmpty: return text
        case .text: throw AWSError.attribute(path, "has no characters; null removes an attribute")
        default: throw AWSError.attribute(path, "is to be a string")
        }
    }

    /// False for null.
    func flag(_ path: String) throws -> Bool {
        switch self {
        case .null: return false
        case .flag(let flag): return flag
        default: throw AWSError.attribute(path, "is to be true or false")
        }
    }

    /// Members by name in small letters; those that are null count as left out.
    func members(_ path: String, of known: Set<String>) throws -> [String: AttributeDocument] {
        guard case .object(let object) = self else {
            throw AWSError.attribute(path, "is to be an object")
        }
        var members: [String: AttributeDocument] = [:]
        for (name, value) in object where value != .null {
            let folded = name.lowercased()
            guard known.contains(folded), members.updateValue(value, forKey: folded) == nil else {
                throw AWSError.attribute("\(path).\(name)", "is not kept here")
            }
        }
        return members
    }

    /// Elements of an attribute with several values; none for null.
    func elements(
        _ path: String, max: Int, of known: Set<String>
    ) throws -> [[String: AttributeDocument]] {
        if self == .null { return [] }
        guard case .list(let list) = self else { throw AWSError.attribute(path, "is to be a list") }
        guard (1...max).contains(list.count) else {
            throw AWSError.attribute(
                path, max == 1 ? "has exactly one value" : "has 1 to \(max) values")
        }
        return try list.map { try $0.members(path, of: known) }
    }
}

extension [String: AttributeDocument] {
    /// A member that is a text; empty when it is left out.
    func text(_ name: String, in path: String) throws -> String {
        try self[name]?.text("\(path).\(name)") ?? ""
    }

    func flag(_ name: String, in path: String) throws -> Bool {
        try self[name]?.flag("\(path).\(name)") ?? false
    }
}

extension AWSError {
    /// An attribute that cannot be set so. Names it, not its value.
    static func attribute(_ path: String, _ problem: String) -> AWSError {
        validation("\(path.prefix(255)) \(problem).")
    }
}
