import Contracts

/// Names and forms of applications on AWS' wire (sso-admin model; patterns match as a whole).
enum ApplicationNames {
    static let status = NameTable<PermissionApplicationStatus>(
        "status", ["ENABLED": .enabled, "DISABLED": .disabled])
    static let principalType = NameTable<PermissionPrincipalType>(
        "principalType", ["USER": .user, "GROUP": .group])
    /// Whether the access portal leaves it out.
    static let visibility = NameTable<Bool>("visibility", ["ENABLED": false, "DISABLED": true])

    /// Throws: `AWSError` ValidationException, as all of these.
    static func check(applicationARN text: String) throws {
        let pattern =
            #/
            arn:aws(-[a-z]{1,5}){0,3}:sso::[0-9]{12}:application/
            (sso)?ins-[a-zA-Z0-9\-.]{16}/apl-[a-zA-Z0-9]{16}
            /#
        guard text.utf8.count <= 1_224, text.wholeMatch(of: pattern) != nil else {
            throw malformed("applicationArn")
        }
    }

    static func check(providerARN text: String) throws {
        let pattern = /arn:aws(-[a-z]{1,5}){0,3}:sso::aws:applicationProvider\/[a-zA-Z0-9\-\/]+/
        guard text.utf8.count <= 1_224, text.wholeMatch(of: pattern) != nil else {
            throw malformed("applicationProviderArn")
        }
    }

    static func check(principalID text: String) throws {
        let pattern = /([0-9a-f]{10}-)?[A-Fa-f0-9]{8}(-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12}/
        guard text.wholeMatch(of: pattern) != nil else { throw malformed("principalId") }
    }

    static func check(clientToken text: String) throws {
        guard text.wholeMatch(of: /[!-~]{1,64}/) != nil else { throw malformed("clientToken") }
    }

    private static func malformed(_ member: String) -> AWSError {
        .validation(
            "1 validation error detected: Value at '\(member)' failed to satisfy constraint: "
                + "Member must satisfy regular expression pattern")
    }
}

/// What kinds of applications there are.
enum ApplicationProvider: String, CaseIterable, Sendable {
    /// Customer managed.
    case custom
    /// Of this organization's platform, which makes them itself.
    case managed

    init(_ application: PermissionApplication) {
        self = application.managed ? .managed : .custom
    }

    /// Nil for a provider that is not here.
    ///
    /// Throws: `AWSError` ValidationException.
    init?(arn: String) throws {
        try ApplicationNames.check(providerARN: arn)
        guard let found = Self.allCases.first(where: { $0.arn == arn }) else { return nil }
        self = found
    }

    var arn: String { "arn:aws:sso::aws:applicationProvider/\(rawValue)" }

    var displayName: String {
        switch self {
        case .custom: "Custom application"
        case .managed: "Managed application"
        }
    }

    var description: String {
        switch self {
        case .custom: "An application that you manage."
        case .managed: "An application of this organization's platform."
        }
    }
}
