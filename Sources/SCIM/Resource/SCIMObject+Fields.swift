extension SCIMObject {
    /// Sets a string unless it is empty.
    mutating func set(_ name: String, _ text: String) {
        if !text.isEmpty { self[name] = .string(text) }
    }

    mutating func set(_ name: String, _ object: SCIMObject) {
        if !object.isEmpty { self[name] = .object(object) }
    }

    mutating func set(_ name: String, _ values: [SCIMValue]) {
        if !values.isEmpty { self[name] = .array(values) }
    }

    /// A string, empty when unassigned. Throws `invalidValue` for anything else.
    func text(_ name: String) throws -> String {
        switch self[name] {
        case nil, .null: return ""
        case .string(let text): return text
        case .integer(let number): return String(number)
        default: throw SCIMError.bad(.invalidValue, "\(name) must be a string.")
        }
    }

    func object(_ name: String) throws -> SCIMObject {
        switch self[name] {
        case nil, .null: return SCIMObject()
        case .object(let object): return object
        default: throw SCIMError.bad(.invalidValue, "\(name) must be an object.")
        }
    }

    /// Elements of a multi-valued attribute; at most 10.
    func elements(_ name: String) throws -> [SCIMObject] {
        guard let value = self[name], !value.isUnassigned else { return [] }
        let values = value.array ?? [value]
        guard values.count <= 10 else {
            throw SCIMError.bad(.invalidValue, "\(name) may hold at most 10 values.")
        }
        return try values.map { element in
            if let text = element.string { return SCIMObject([("value", .string(text))]) }
            guard let object = element.object else {
                throw SCIMError.bad(.invalidValue, "\(name) must hold objects.")
            }
            return object
        }
    }

    func flag(_ name: String, default value: Bool) throws -> Bool {
        guard let found = self[name], !found.isUnassigned else { return value }
        guard let flag = found.lenientBool else {
            throw SCIMError.bad(.invalidValue, "\(name) must be true or false.")
        }
        return flag
    }
}
