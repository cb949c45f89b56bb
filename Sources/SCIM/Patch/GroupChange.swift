/// What a PATCH asks of a group, in order, without knowing its members.
package enum GroupChange: Equatable, Sendable {
    case setDisplayName(String)
    case setExternalID(String)
    case addMembers([String])
    case removeMembers([String])
    /// These and nobody else.
    case replaceMembers([String])

    /// Turns operations into changes.
    ///
    /// Throws `invalidPath` for attributes a group does not have, `mutability`, `invalidValue`,
    /// `invalidFilter` for a filter that names no member by value.
    package static func changes(from operations: [PatchOperation]) throws -> [GroupChange] {
        try operations.flatMap(changes)
    }

    private static func changes(_ operation: PatchOperation) throws -> [GroupChange] {
        if let path = operation.path {
            return [try change(operation.verb, path, operation.value ?? .null)].compactMap(\.self)
        }
        guard let object = operation.value?.object else {
            throw SCIMError.bad(.invalidValue, "Without a path the value must be an object.")
        }
        return try object.entries.compactMap { name, value in
            if SCIMSchema.readOnly.contains(name.lowercased()) { return nil }
            return try change(operation.verb, try AttributePath.parse(name), value)
        }
    }

    private static func change(
        _ verb: PatchOperation.Verb, _ path: AttributePath, _ value: SCIMValue
    ) throws -> GroupChange? {
        switch path.name.lowercased() {
        case "members" where !path.isExtended: return try members(verb, path, value)
        case "displayname" where path.filter == nil && path.sub == nil:
            guard verb != .remove, let name = value.string, !name.isEmpty else {
                throw SCIMError.bad(.invalidValue, "displayName is required.")
            }
            return .setDisplayName(name)
        case "externalid" where path.filter == nil && path.sub == nil:
            if verb == .remove || value.isUnassigned { return .setExternalID("") }
            guard let text = value.string else {
                throw SCIMError.bad(.invalidValue, "externalId must be a string.")
            }
            return .setExternalID(text)
        case "id", "meta", "schemas":
            throw SCIMError.bad(.mutability, "\(path.name) cannot be changed.")
        default: throw SCIMError.bad(.invalidPath, "A group has no \(path.name).")
        }
    }

    private static func members(
        _ verb: PatchOperation.Verb, _ path: AttributePath, _ value: SCIMValue
    ) throws -> GroupChange? {
        if let filter = path.filter {
            guard verb == .remove, path.sub == nil else {
                throw SCIMError.bad(.invalidPath, "Members can be removed by filter only.")
            }
            return .removeMembers(try memberIDs(in: filter))
        }
        let given = try memberIDs(in: value)
        switch verb {
        case .add: return given.isEmpty ? nil : .addMembers(given)
        case .replace: return .replaceMembers(given)
        case .remove:
            // Without a value everybody goes; an empty list names nobody, so nobody goes.
            if value == .null { return .replaceMembers([]) }
            return given.isEmpty ? nil : .removeMembers(given)
        }
    }

    /// IDs of `[{"value": "…"}]`, of one such object, or of plain strings.
    static func memberIDs(in value: SCIMValue) throws -> [String] {
        if value.isUnassigned { return [] }
        return try (value.array ?? [value]).map { member in
            guard let id = member.object?["value"]?.string ?? member.string, !id.isEmpty else {
                throw SCIMError.bad(.invalidValue, "A member has no value.")
            }
            guard member.object?["type"]?.string?.lowercased() != "group" else {
                throw SCIMError.bad(.invalidValue, "A group cannot be a member of a group here.")
            }
            return id
        }
    }

    private static func memberIDs(in filter: SCIMFilter) throws -> [String] {
        switch filter {
        case .compare(let name, .eq, .string(let id)) where name.folded == "value": return [id]
        case .or(let a, let b): return try memberIDs(in: a) + memberIDs(in: b)
        default:
            throw SCIMError.bad(.invalidFilter, "Members are named by value eq \"…\".")
        }
    }
}
