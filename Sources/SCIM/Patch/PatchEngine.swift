/// Applies PATCH operations to a resource (RFC 7644 section 3.5.2).
///
/// Deviations, for what identity providers really send: an add or replace whose filter matches no
/// element creates one from the filter's equalities (Entra ID), where the RFC asks for noTarget;
/// names with dots inside a value object count as paths; booleans may be strings.
package struct PatchEngine {
    private var resource: SCIMObject

    /// Applies all operations in order, or throws and changes nothing.
    ///
    /// Throws `invalidPath` for an attribute that is not kept, `mutability` for one that the client
    /// cannot change, `invalidValue`, `noTarget`.
    package static func apply(
        _ operations: [PatchOperation], to resource: SCIMObject
    ) throws -> SCIMObject {
        var engine = PatchEngine(resource: resource)
        for operation in operations { try engine.apply(operation) }
        return engine.resource
    }

    private mutating func apply(_ operation: PatchOperation) throws {
        guard let path = operation.path else {
            guard let object = operation.value?.object else {
                throw SCIMError.bad(.invalidValue, "Without a path the value must be an object.")
            }
            try applyEach(of: object, verb: operation.verb)
            return
        }
        try apply(operation.verb, at: path, value: operation.value ?? .null)
    }

    private mutating func applyEach(of object: SCIMObject, verb: PatchOperation.Verb) throws {
        for (name, value) in object.entries {
            let path = try AttributePath.parse(name)
            // Identity providers repeat these; they are not meant as changes.
            if !path.isExtended, SCIMSchema.readOnly.contains(path.name.lowercased()) { continue }
            try apply(verb, at: path, value: value)
        }
    }

    private mutating func apply(
        _ verb: PatchOperation.Verb, at path: AttributePath, value: SCIMValue
    ) throws {
        if path.isExtended, path.name.isEmpty {
            try applyExtension(verb, value: value)
            return
        }
        try check(path)
        var holder =
            path.isExtended ? (resource[SCIMSchema.enterprise]?.object ?? SCIMObject()) : resource
        holder[path.name] = try changed(holder[path.name], verb, path, coerced(value, path))
        if path.isExtended {
            resource[SCIMSchema.enterprise] = holder.isEmpty ? nil : .object(holder)
        } else {
            resource = holder
        }
    }

    private mutating func applyExtension(_ verb: PatchOperation.Verb, value: SCIMValue) throws {
        if verb == .remove {
            resource[SCIMSchema.enterprise] = nil
            return
        }
        guard let object = value.object else {
            throw SCIMError.bad(.invalidValue, "The extension's value must be an object.")
        }
        for (name, value) in object.entries {
            let attribute = try AttributePath.parse("\(SCIMSchema.enterprise):\(name)")
            try apply(verb, at: attribute, value: value)
        }
    }

    private func check(_ path: AttributePath) throws {
        let name = path.name.lowercased()
        if path.isExtended {
            guard SCIMSchema.enterpriseAttributes.contains(name) else {
                throw SCIMError.bad(.invalidPath, "\(path.name) is not kept here.")
            }
            return try checkPart(path)
        }
        guard SCIMSchema.userAttributes.contains(name) else {
            throw SCIMError.bad(.invalidPath, "\(path.name) is not kept here.")
        }
        guard !SCIMSchema.readOnly.contains(name) else {
            throw SCIMError.bad(.mutability, "\(path.name) cannot be changed.")
        }
        try checkPart(path)
    }

    /// A part that is not kept would be set to no effect.
    private func checkPart(_ path: AttributePath) throws {
        guard let sub = path.sub else { return }
        guard SCIMSchema.parts[path.name.lowercased()]?.contains(sub.lowercased()) == true else {
            throw SCIMError.bad(.invalidPath, "\(path.name).\(sub) is not kept here.")
        }
    }

    /// The new value of an attribute; nil when it is gone.
    private func changed(
        _ old: SCIMValue?, _ verb: PatchOperation.Verb, _ path: AttributePath, _ value: SCIMValue
    ) throws -> SCIMValue? {
        if SCIMSchema.multiValued.contains(path.name.lowercased()), !path.isExtended {
            return try MultiValuedPatch(elements: old?.array ?? [])
                .applying(verb, path, value).map { .array($0) }
        }
        guard path.filter == nil else {
            throw SCIMError.bad(.invalidPath, "\(path.name) has no elements to filter.")
        }
        if let sub = path.sub {
            var object = old?.object ?? SCIMObject()
            object[sub] = verb == .remove || value.isUnassigned ? nil : value
            return object.isEmpty ? nil : .object(object)
        }
        if verb == .remove || value.isUnassigned { return nil }
        guard var merged = old?.object, let new = value.object else { return value }
        for (name, part) in new.entries { merged[name] = part.isUnassigned ? nil : part }
        return .object(merged)
    }

    private func coerced(_ value: SCIMValue, _ path: AttributePath) throws -> SCIMValue {
        guard path.name.lowercased() == "active" else { return value }
        guard let flag = value.lenientBool else {
            throw SCIMError.bad(.invalidValue, "active must be true or false.")
        }
        return .bool(flag)
    }
}
