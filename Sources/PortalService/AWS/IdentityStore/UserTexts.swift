import Contracts

/// The attributes of a person that are one text each.
enum UserTexts {
    typealias Path = any WritableKeyPath<DirectoryUser, String> & Sendable

    /// By the API's path in small letters.
    static let paths: [String: Path] = [
        "username": \.userName,
        "displayname": \.displayName,
        "nickname": \.nickName,
        "profileurl": \.profileURL,
        "usertype": \.userType,
        "title": \.title,
        "preferredlanguage": \.preferredLanguage,
        "locale": \.locale,
        "timezone": \.timezone,
        "website": \.website,
        "birthdate": \.birthdate,
        "name.formatted": \.name.formatted,
        "name.familyname": \.name.familyName,
        "name.givenname": \.name.givenName,
        "name.middlename": \.name.middleName,
        "name.honorificprefix": \.name.honorificPrefix,
        "name.honorificsuffix": \.name.honorificSuffix,
        "aws:identitystore:enterprise.employeenumber": \.enterprise.employeeNumber,
        "aws:identitystore:enterprise.costcenter": \.enterprise.costCenter,
        "aws:identitystore:enterprise.organization": \.enterprise.organization,
        "aws:identitystore:enterprise.division": \.enterprise.division,
        "aws:identitystore:enterprise.department": \.enterprise.department,
        "aws:identitystore:enterprise.manager.value": \.enterprise.managerUserID,
    ]

    /// What the API does not let go.
    static let required: Set = ["username", "displayname", "name.familyname", "name.givenname"]

    /// The direct parts of an attribute that are texts.
    static func parts(of attribute: String) -> Set<String> {
        Set(
            paths.keys.filter { $0.hasPrefix("\(attribute).") }
                .map { String($0.dropFirst(attribute.count + 1)) }
                .filter { !$0.contains(".") })
    }
}
