/// Why a policy document was not accepted (KMS: MalformedPolicyDocumentException).
package struct PolicyError: Error, Equatable, CustomStringConvertible {
    /// Where, such as `Statement[1].Condition.StringEquals`; "$" is the document itself.
    package let path: String
    package let message: String

    package var description: String { "\(path): \(message)" }
}
