/// A request that makes something: each member besides the store is an attribute.
///
/// Members are taken as they come, so that one which a later client knows is refused and not passed over.
struct IdentityStoreCreation: Decodable, Sendable, TrailDescribed {
    let identityStoreId: String
    /// In order of their names, which begin with a small letter.
    let attributes: [(name: String, value: AttributeDocument)]

    init(from decoder: any Decoder) throws {
        var members = try decoder.singleValueContainer().decode([String: AttributeDocument].self)
        guard let store = members.removeValue(forKey: "IdentityStoreId"), case .text(let id) = store
        else { throw AWSError.missing("identityStoreId") }
        identityStoreId = id
        attributes = members.filter { $0.value != .null }
            .map { (name: $0.prefix(1).lowercased() + $0.dropFirst(), value: $1) }
            .sorted { $0.name < $1.name }
    }

    var trailParameters: [String: any Sendable] { ["identityStoreId": identityStoreId] }
}

/// One change of an attribute.
struct AttributeOperation: Decodable, Sendable {
    let attributePath: String
    /// Nil, as null does, removes the attribute.
    let attributeValue: AttributeDocument?

    var value: AttributeDocument { attributeValue ?? .null }
}

/// A request that changes attributes of something.
struct IdentityStoreUpdate: Decodable, Sendable, TrailDescribed {
    private static let operationsMax = 100
    private static let pathLengthMax = 255

    let identityStoreId: String
    let userId: String?
    let groupId: String?
    let operations: [AttributeOperation]
    let revision: String?

    /// Throws: `AWSError` ValidationException unless there are 1 to 100 with paths of 1 to 255.
    func checkOperations() throws {
        guard (1...Self.operationsMax).contains(operations.count) else {
            throw AWSError.validation("1 to \(Self.operationsMax) operations can be given.")
        }
        for operation in operations {
            guard (1...Self.pathLengthMax).contains(operation.attributePath.utf8.count) else {
                throw AWSError.validation(
                    "AttributePath has 1 to \(Self.pathLengthMax) characters.")
            }
        }
    }

    var trailParameters: [String: any Sendable] {
        var parameters: [String: any Sendable] = ["identityStoreId": identityStoreId]
        parameters["userId"] = userId
        parameters["groupId"] = groupId
        return parameters
    }
}

/// A request about one thing, perhaps about one revision of it.
struct IdentityStoreReference: Decodable, Sendable, TrailDescribed {
    let identityStoreId: String
    let userId: String?
    let groupId: String?
    let membershipId: String?
    let revision: String?

    /// What the revision says; 0, which is any, when there is none.
    ///
    /// Throws: `AWSError` ValidationException when it is no number.
    func version() throws -> UInt64 {
        guard let revision else { return 0 }
        guard let version = UInt64(revision), version > 0 else {
            throw AWSError.validation("Revision is malformed.")
        }
        return version
    }

    var trailParameters: [String: any Sendable] {
        var parameters: [String: any Sendable] = ["identityStoreId": identityStoreId]
        parameters["userId"] = userId
        parameters["groupId"] = groupId
        parameters["membershipId"] = membershipId
        return parameters
    }
}
