/// Wrapping of one secret under another, bound to a context.
///
/// The layout is that of `AEADKey.seal(_:authenticating:)`. The context says what the secret is
/// for; a wrapped secret that is moved to another place does not unwrap there.
package enum KeyWrap {
    /// Wraps `secret` under `key`.
    package static func wrap(
        _ secret: SecretBytes, under key: AEADKey, context: [UInt8]
    ) throws -> [UInt8] {
        try secret.withUnsafeBytes { secret in
            try context.withUnsafeBytes { try key.seal(secret, authenticating: $0) }
        }
    }

    /// Unwraps into the secure heap.
    ///
    /// - Throws: `authenticationFailed` for another key, other bytes or another context.
    package static func unwrap(
        _ wrapped: [UInt8], under key: AEADKey, context: [UInt8]
    ) throws -> SecretBytes {
        try wrapped.withUnsafeBytes { wrapped in
            try context.withUnsafeBytes { try key.openSecret(wrapped, authenticating: $0) }
        }
    }
}
