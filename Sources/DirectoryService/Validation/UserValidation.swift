import Contracts
import RPC

extension DirectoryUser {
    static let reservedNames = ["administrator", "awsadministrators"]
    static let valuesMax = 10

    /// Throws: INVALID_ARGUMENT INVALID_ATTRIBUTE or RESERVED_USER_NAME.
    func validate() throws {
        try AttributeRules.check(userName, "user_name", length: 1...128, blanks: .none)
        guard !Self.reservedNames.contains(userName.lowercased()) else {
            throw RPCError(
                .invalidArgument, reason: "RESERVED_USER_NAME",
                message: "This user name is reserved.", metadata: ["field": "user_name"])
        }
        try AttributeRules.check(displayName, "display_name", length: 1...1_024)
        try AttributeRules.checkOptional(externalID, "external_id", lengthMax: 256, blanks: .none)
        for (field, value) in singleValues { try AttributeRules.checkOptional(value, field) }
        try check(emails.map(\.primary), "emails")
        for email in emails {
            try AttributeRules.check(email.value, "emails.value", length: 1...1_024)
            try AttributeRules.checkOptional(email.type, "emails.type")
        }
        try check(phoneNumbers.map(\.primary), "phone_numbers")
        for number in phoneNumbers {
            try AttributeRules.check(number.value, "phone_numbers.value", length: 1...1_024)
            try AttributeRules.checkOptional(number.type, "phone_numbers.type")
        }
        try check(addresses.map(\.primary), "addresses")
        for address in addresses {
            for value in address.texts { try AttributeRules.checkOptional(value, "addresses") }
        }
        try check(photos.map(\.primary), "photos")
        for photo in photos {
            try AttributeRules.check(photo.value, "photos.value", length: 1...1_024)
            try AttributeRules.checkOptional(photo.type, "photos.type")
            try AttributeRules.checkOptional(photo.display, "photos.display")
        }
        try check(roles.map(\.primary), "roles")
        for role in roles {
            try AttributeRules.check(role.value, "roles.value", length: 1...1_024)
            try AttributeRules.checkOptional(role.type, "roles.type")
        }
        try AttributeRules.checkDay(birthdate, "birthdate")
    }

    /// The display name that a person without one gets.
    mutating func completeDisplayName() {
        guard displayName.isEmpty else { return }
        let full = [name.givenName, name.familyName].filter { !$0.isEmpty }
            .joined(separator: " ")
        displayName = [name.formatted, full, userName].first { !$0.isEmpty } ?? ""
    }

    private var singleValues: [(String, String)] {
        [
            ("name.formatted", name.formatted), ("name.family_name", name.familyName),
            ("name.given_name", name.givenName), ("name.middle_name", name.middleName),
            ("name.honorific_prefix", name.honorificPrefix),
            ("name.honorific_suffix", name.honorificSuffix), ("nick_name", nickName),
            ("profile_url", profileURL), ("user_type", userType), ("title", title),
            ("preferred_language", preferredLanguage), ("locale", locale), ("timezone", timezone),
            ("website", website),
            ("enterprise.employee_number", enterprise.employeeNumber),
            ("enterprise.cost_center", enterprise.costCenter),
            ("enterprise.organization", enterprise.organization),
            ("enterprise.division", enterprise.division),
            ("enterprise.department", enterprise.department),
            ("enterprise.manager_user_id", enterprise.managerUserID),
        ]
    }

    private func check(_ primaries: [Bool], _ field: String) throws {
        guard primaries.count <= Self.valuesMax else {
            throw AttributeRules.invalid(field, "has more than \(Self.valuesMax) values")
        }
        guard primaries.count(where: \.self) <= 1 else {
            throw AttributeRules.invalid(field, "has more than one primary value")
        }
    }
}

extension DirectoryAddress {
    fileprivate var texts: [String] {
        [streetAddress, locality, region, postalCode, country, formatted, type]
    }
}

extension DirectoryGroup {
    /// Throws: INVALID_ARGUMENT INVALID_ATTRIBUTE.
    func validate() throws {
        try AttributeRules.check(
            displayName, "display_name", length: 1...1_024, blanks: .spaces)
        try AttributeRules.checkOptional(description_p, "description")
        try AttributeRules.checkOptional(externalID, "external_id", lengthMax: 256, blanks: .none)
    }
}
