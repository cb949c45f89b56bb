/// One operation of a PATCH request.
package struct PatchOperation: Equatable, Sendable {
    package enum Verb: String, Sendable {
        case add, replace, remove
    }

    package let verb: Verb
    package let path: AttributePath?
    package let value: SCIMValue?

    /// Reads the body of a PATCH request. Verbs in any case, as Entra ID sends them.
    ///
    /// Throws `invalidSyntax`, `invalidPath`, `noTarget`; status 413 above 1,000 operations.
    package static func parse(_ body: SCIMValue) throws -> [PatchOperation] {
        guard let operations = body.object?["Operations"]?.array, !operations.isEmpty else {
            throw SCIMError.bad(.invalidSyntax, "The body holds no Operations.")
        }
        guard operations.count <= SCIMLimits.operationsMax else {
            throw SCIMError(
                status: 413, detail: "More than \(SCIMLimits.operationsMax) operations.")
        }
        return try operations.map(parseOne)
    }

    private static func parseOne(_ value: SCIMValue) throws -> PatchOperation {
        guard let object = value.object, let op = object["op"]?.string,
            let verb = Verb(rawValue: op.lowercased())
        else {
            throw SCIMError.bad(.invalidSyntax, "An operation has no op of add, replace, remove.")
        }
        let path = try path(object["path"])
        if verb == .remove, path == nil {
            throw SCIMError.bad(.noTarget, "A remove operation needs a path.")
        }
        if verb != .remove, object["value"] == nil {
            throw SCIMError.bad(.invalidValue, "An operation has no value.")
        }
        return PatchOperation(verb: verb, path: path, value: object["value"])
    }

    private static func path(_ value: SCIMValue?) throws -> AttributePath? {
        switch value {
        case nil, .null: return nil
        case .string(let text): return text.isEmpty ? nil : try AttributePath.parse(text)
        default: throw SCIMError.bad(.invalidPath, "The path of an operation must be a string.")
        }
    }
}
