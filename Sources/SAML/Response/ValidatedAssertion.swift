package import Foundation

/// What an identity provider vouches for, after every check. Only `ResponseValidator` makes one.
package struct ValidatedAssertion: Sendable, Equatable {
    /// Unique at its issuer: the key, with `issuer`, of the replay cache.
    package let id: String
    package let issuer: String
    /// Until then the replay cache must remember `id`; at most some 70 minutes ahead.
    package let replayableUntil: Date
    package let issuedAt: Date
    /// 1 to 128 characters; equals the user name of the person.
    package let nameID: String
    /// Nil when the response names none.
    package let nameIDFormat: NameIDFormat?
    package let authenticatedAt: Date
    package let authenticationContext: String?
    package let sessionIndex: String?
    /// The session made of this must end then at the latest.
    package let sessionNotOnOrAfter: Date?
    /// The request this answers; nil when IdP-initiated.
    package let inResponseTo: String?
    /// In document order; the same name may occur more than once.
    package let attributes: [Attribute]
    /// How far the identity provider's clock seems ahead of ours, in seconds, network time
    /// included; negative when behind. For a log.
    package let clockSkewSeconds: Double

    package struct Attribute: Sendable, Equatable {
        package let name: String
        package let friendlyName: String?
        package let values: [String]

        init(name: String, friendlyName: String?, values: [String]) {
            self.name = name
            self.friendlyName = friendlyName
            self.values = values
        }
    }

    init(
        statement: AssertionStatement, subject: ConfirmedSubject, inResponseTo: String?,
        replayableUntil: Date, clockSkewSeconds: Double
    ) {
        id = statement.id
        issuer = statement.issuer
        issuedAt = statement.issuedAt
        self.replayableUntil = replayableUntil
        nameID = subject.nameID
        nameIDFormat = subject.format
        authenticatedAt = statement.authentication.instant
        authenticationContext = statement.authentication.context
        sessionIndex = statement.authentication.sessionIndex
        sessionNotOnOrAfter = statement.authentication.sessionNotOnOrAfter
        self.inResponseTo = inResponseTo
        attributes = statement.attributes
        self.clockSkewSeconds = clockSkewSeconds
    }

    /// All values of the attribute, in order; empty when it is not there.
    package func values(of name: String) -> [String] {
        attributes.filter { $0.name == name }.flatMap(\.values)
    }
}
