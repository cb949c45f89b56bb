import COpenSSL

/// Why a cryptographic operation did not happen.
///
/// The text is safe in an operator's log: it never holds keys, plaintext or ciphertext.
package struct CryptographyError: Error, Equatable, CustomStringConvertible {
    /// Stable kinds of failure.
    package enum Code: String, Sendable {
        /// The tag does not fit: altered data, another key, another nonce or other associated data.
        case authenticationFailed
        /// A key of the wrong size or kind, or one that does not parse.
        case invalidKey
        /// An argument outside its stated range.
        case invalidInput
        /// The secure heap has no room; start with a larger one.
        case outOfSecureMemory
        /// A provider of OpenSSL that was asked for is not installed.
        case providerUnavailable
        /// OpenSSL refused for another reason.
        case operationFailed
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(code.rawValue): \(message)" }

    /// An error that says what was tried and what OpenSSL answered.
    static func openSSL(_ action: String) -> CryptographyError {
        openSSL(.operationFailed, action)
    }

    /// An error of another kind that says what was tried and what OpenSSL answered.
    static func openSSL(_ code: Code, _ action: String) -> CryptographyError {
        let answer = takeOpenSSLError()
        return CryptographyError(code, answer.isEmpty ? action : "\(action): \(answer)")
    }

    /// The newest error of this thread's queue; the queue is empty afterwards.
    static func takeOpenSSLError() -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            guard let start = text.baseAddress else { return "" }
            portolan_take_error(start, text.count)
            return String(cString: start)
        }
    }
}
