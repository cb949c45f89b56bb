/// A JSON value as SCIM uses it.
package enum SCIMValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([SCIMValue])
    case object(SCIMObject)

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var object: SCIMObject? {
        if case .object(let object) = self { object } else { nil }
    }

    package var array: [SCIMValue]? {
        if case .array(let values) = self { values } else { nil }
    }

    /// A boolean, also as the strings and one-element arrays that some identity providers send.
    package var lenientBool: Bool? {
        switch self {
        case .bool(let value): value
        case .string(let text):
            switch text.lowercased() {
            case "true": true
            case "false": false
            default: nil
            }
        case .array(let values) where values.count == 1: values[0].lenientBool
        default: nil
        }
    }

    /// Null, or an empty array: RFC 7643 section 2.5 treats these as unassigned.
    package var isUnassigned: Bool {
        switch self {
        case .null: true
        case .array(let values): values.isEmpty
        default: false
        }
    }
}

/// A JSON object whose names compare without regard to case and keep their order.
package struct SCIMObject: Equatable, Sendable {
    package private(set) var entries: [(name: String, value: SCIMValue)] = []

    package init() {}

    package init(_ entries: [(String, SCIMValue)]) {
        for (name, value) in entries { self[name] = value }
    }

    package var isEmpty: Bool { entries.isEmpty }

    /// Setting nil removes.
    package subscript(name: String) -> SCIMValue? {
        get { index(of: name).map { entries[$0].value } }
        set {
            switch (index(of: name), newValue) {
            case (let index?, let value?): entries[index].value = value
            case (let index?, nil): entries.remove(at: index)
            case (nil, let value?): entries.append((name, value))
            case (nil, nil): break
            }
        }
    }

    private func index(of name: String) -> Int? {
        entries.firstIndex { $0.name.equalsIgnoringCase(name) }
    }

    /// Equal when the same names hold equal values, in any order.
    package static func == (a: SCIMObject, b: SCIMObject) -> Bool {
        a.entries.count == b.entries.count && a.entries.allSatisfy { b[$0.name] == $0.value }
    }
}

extension String {
    /// ASCII letters match in either case, everything else byte by byte: attribute names are ASCII.
    func equalsIgnoringCase(_ other: String) -> Bool {
        let left = utf8
        let right = other.utf8
        return left.count == right.count
            && zip(left, right).allSatisfy { $0 == $1 || $0.foldedASCII == $1.foldedASCII }
    }
}

extension UInt8 {
    fileprivate var foldedASCII: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self + 32 : self
    }
}
