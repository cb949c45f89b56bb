import CPKCS11
package import Cryptography
package import ServiceKit
import Synchronization

/// A root key that never leaves a PKCS #11 token: an AES-256 key that is sensitive and cannot be
/// extracted. Tested with SoftHSM 2; a hardware module needs the mechanism CKM_AES_GCM.
///
/// One session, used by one caller at a time: the root key is needed when keys are made, received or
/// first used, not for each request. A session that was lost is opened again once per call.
package final class PKCS11RootKey: RootKey {
    // @unchecked: the session is reachable only inside the lock.
    private struct Session: @unchecked Sendable {
        let token: OpaquePointer
    }

    private let settings: KeyCustody.PKCS11
    private let pin: SecretBytes
    private let session: Mutex<Session>

    /// Logs in and finds the key.
    ///
    /// - Parameter mayCreate: makes the key on the token when there is none.
    /// - Throws: `RootKeyError`.
    package init(_ settings: KeyCustody.PKCS11, pin: SecretBytes, mayCreate: Bool) throws {
        self.settings = settings
        self.pin = pin
        var token: OpaquePointer?
        let outcome = pin.withUnsafeBytes {
            portolan_token_open(
                settings.modulePath, settings.tokenLabel,
                $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count, settings.keyLabel,
                mayCreate ? 1 : 0, &token)
        }
        guard outcome == 0, let token else { throw Self.error(outcome, settings) }
        session = Mutex(Session(token: token))
    }

    deinit {
        session.withLock { portolan_token_close($0.token) }
    }

    package func wrap(_ secret: SecretBytes, context: [UInt8]) throws -> [UInt8] {
        let nonce = try Random.bytes(AEADKey.nonceByteCount)
        var sealed = [UInt8](repeating: 0, count: secret.count + AEADKey.tagByteCount)
        try perform { token in
            secret.withUnsafeBytes { secret in
                portolan_token_seal(
                    token, nonce, context, context.count,
                    secret.baseAddress?.assumingMemoryBound(to: UInt8.self), secret.count, &sealed)
            }
        }
        return nonce + sealed
    }

    package func unwrap(_ wrapped: [UInt8], context: [UInt8]) throws -> SecretBytes {
        let count = wrapped.count - AEADKey.overheadByteCount
        guard count > 0 else {
            throw CryptographyError(.authenticationFailed, "wrapped material is cut off")
        }
        let nonce = Array(wrapped[..<AEADKey.nonceByteCount])
        let sealed = Array(wrapped[AEADKey.nonceByteCount...])
        let padded = try SecretBytes(count: sealed.count) { output in
            try perform { token in
                portolan_token_open_sealed(
                    token, nonce, context, context.count, sealed, count,
                    output.baseAddress?.assumingMemoryBound(to: UInt8.self))
            }
        }
        return try padded.withUnsafeBytes {
            try SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0[..<count]))
        }
    }

    private func perform(_ body: (OpaquePointer) -> UInt) throws {
        try session.withLock { session in
            var outcome = body(session.token)
            if outcome != 0, portolan_token_is_lost(outcome) == 1 {
                outcome = pin.withUnsafeBytes {
                    portolan_token_reopen(
                        session.token, $0.baseAddress?.assumingMemoryBound(to: UInt8.self),
                        $0.count)
                }
                if outcome == 0 { outcome = body(session.token) }
            }
            guard outcome == 0 else {
                throw CryptographyError(
                    .operationFailed, "the PKCS #11 token refused: \(Self.text(outcome))")
            }
        }
    }

    private static func error(_ outcome: UInt, _ settings: KeyCustody.PKCS11) -> RootKeyError {
        let (code, message): (RootKeyError.Code, String) =
            switch outcome {
            case UInt(PORTOLAN_TOKEN_NO_MODULE):
                (.unreadable, "\(settings.modulePath) cannot be loaded as a PKCS #11 module")
            case UInt(PORTOLAN_TOKEN_NO_TOKEN):
                (.missing, "there is no token with the label \(settings.tokenLabel)")
            case UInt(PORTOLAN_TOKEN_NO_KEY):
                (.missing, "the token has no key with the label \(settings.keyLabel)")
            case UInt(PORTOLAN_TOKEN_KEYS):
                (.malformed, "the token has several keys with the label \(settings.keyLabel)")
            case UInt(PORTOLAN_TOKEN_WEAK):
                (.exposed, "\(settings.keyLabel) is no AES-256 key that stays in its token")
            // CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE.
            case 0xA0, 0xA1, 0xA2: (.passphraseWrong, "the token does not accept the PIN")
            // CKR_PIN_LOCKED.
            case 0xA4: (.passphraseWrong, "the token has locked the PIN")
            default: (.unreadable, "the token refused: \(text(outcome))")
            }
        return RootKeyError(code: code, message: message)
    }

    private static func text(_ outcome: UInt) -> String {
        "CKR 0x" + String(outcome, radix: 16, uppercase: true)
    }
}
