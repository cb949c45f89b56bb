/// Why certificates or keys could not be made or read, and what to do about it.
package struct PKIError: Error, CustomStringConvertible {
    package enum Code: String, Sendable {
        case alreadyExists = "ALREADY_EXISTS"
        case notFound = "NOT_FOUND"
        case unreadable = "UNREADABLE"
        case cannotWrite = "CANNOT_WRITE"
        case invalidName = "INVALID_NAME"
        case invalidCertificate = "INVALID_CERTIFICATE"
    }

    package let code: Code
    package let message: String
    /// What to do; a command where there is one.
    package let remedy: String

    package init(_ code: Code, _ message: String, remedy: String) {
        self.code = code
        self.message = message
        self.remedy = remedy
    }

    package var description: String { "\(message) \(remedy)" }
}
