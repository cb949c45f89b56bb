/// Applies one operation to an attribute with several values. Elements that the operation does not
/// name stay as they are.
struct MultiValuedPatch {
    let elements: [SCIMValue]

    /// The new elements, or nil when none remain.
    func applying(
        _ verb: PatchOperation.Verb, _ path: AttributePath, _ value: SCIMValue
    ) throws -> [SCIMValue]? {
        let result: [SCIMValue]
        if let filter = path.filter {
            result = try filtered(filter, verb, path.sub, value)
        } else if let sub = path.sub {
            result = try elements.map { try setting(sub, verb == .remove ? .null : value, in: $0) }
        } else {
            result = try whole(verb, value)
        }
        return result.isEmpty ? nil : result
    }

    private func whole(_ verb: PatchOperation.Verb, _ value: SCIMValue) throws -> [SCIMValue] {
        let given = (value.array ?? (value == .null ? [] : [value])).map(normalised)
        switch verb {
        case .replace: return withOnePrimary(given, preferring: given)
        case .add: return withOnePrimary(adding(given), preferring: given)
        case .remove:
            // Without a value all go; an empty list names none.
            if value == .null { return [] }
            let gone = given.compactMap { $0.object?["value"] ?? $0 }
            return elements.filter { element in
                !gone.contains(element.object?["value"] ?? element)
            }
        }
    }

    /// An element with the same value and type is replaced, so that nothing occurs twice.
    private func adding(_ given: [SCIMValue]) -> [SCIMValue] {
        var result = elements
        for element in given {
            if let index = result.firstIndex(where: { Self.same($0, element) }) {
                result[index] = element
            } else {
                result.append(element)
            }
        }
        return result
    }

    private static func same(_ old: SCIMValue, _ new: SCIMValue) -> Bool {
        guard let oldObject = old.object, let newObject = new.object,
            let value = oldObject["value"]
        else { return old == new }
        return value == newObject["value"] && oldObject["type"] == newObject["type"]
    }

    private func filtered(
        _ filter: SCIMFilter, _ verb: PatchOperation.Verb, _ sub: String?, _ value: SCIMValue
    ) throws -> [SCIMValue] {
        let matching = elements.map { filter.matches($0.object ?? SCIMObject([("value", $0)])) }
        if verb == .remove {
            guard let sub else {
                return zip(elements, matching).filter { !$1 }.map(\.0)
            }
            return try zip(elements, matching).map { try $1 ? setting(sub, .null, in: $0) : $0 }
        }
        if !matching.contains(true) {
            let new = try created(from: filter, sub, value)
            return withOnePrimary(elements + [new], preferring: [new])
        }
        let changed = try zip(elements, matching).map { element, matches in
            matches ? try merging(sub, value, into: element) : element
        }
        return withOnePrimary(changed, preferring: zip(changed, matching).filter { $1 }.map(\.0))
    }

    private func merging(
        _ sub: String?, _ value: SCIMValue, into element: SCIMValue
    ) throws -> SCIMValue {
        if let sub { return try setting(sub, value, in: element) }
        guard let new = value.object else {
            throw SCIMError.bad(.invalidValue, "The element's value must be an object.")
        }
        var merged = element.object ?? SCIMObject()
        for (name, part) in new.entries { merged[name] = part }
        return normalised(.object(merged))
    }

    /// A new element that the filter would match: `type eq "work"` gives type "work".
    private func created(
        from filter: SCIMFilter, _ sub: String?, _ value: SCIMValue
    ) throws -> SCIMValue {
        var object = SCIMObject()
        guard collect(filter, into: &object) else {
            throw SCIMError.bad(.noTarget, "No element matches the path's filter.")
        }
        if let sub {
            object[sub] = value
        } else {
            for (name, part) in value.object?.entries ?? [] { object[name] = part }
        }
        return normalised(.object(object))
    }

    private func collect(_ filter: SCIMFilter, into object: inout SCIMObject) -> Bool {
        switch filter {
        case .compare(let name, .eq, let value) where name.sub == nil:
            object[name.name] = value
            return true
        case .and(let a, let b): return collect(a, into: &object) && collect(b, into: &object)
        default: return false
        }
    }

    private func setting(_ sub: String, _ value: SCIMValue, in element: SCIMValue) throws
        -> SCIMValue
    {
        var object = element.object ?? SCIMObject([("value", element)])
        object[sub] = value.isUnassigned ? nil : value
        return normalised(.object(object))
    }

    private func normalised(_ element: SCIMValue) -> SCIMValue {
        guard var object = element.object else { return element }
        if let primary = object["primary"]?.lenientBool { object["primary"] = .bool(primary) }
        return .object(object)
    }

    /// At most one primary element: a new one takes it from the old (RFC 7644 section 3.5.2.1).
    private func withOnePrimary(_ all: [SCIMValue], preferring new: [SCIMValue]) -> [SCIMValue] {
        let isPrimary = { (value: SCIMValue) in value.object?["primary"] == .bool(true) }
        guard all.filter(isPrimary).count > 1 else { return all }
        let kept =
            all.lastIndex { isPrimary($0) && new.contains($0) } ?? all.firstIndex(where: isPrimary)
        return all.enumerated().map { index, value in
            guard index != kept, isPrimary(value), var object = value.object else { return value }
            object["primary"] = .bool(false)
            return .object(object)
        }
    }
}
