import COpenSSL

/// scrypt (RFC 7914), for keys made of passphrases.
package enum Scrypt {
    /// Work factors. The default takes about 128 MiB and a third of a second.
    package struct Cost: Sendable, Equatable {
        /// Power of two, above 1.
        package var n: UInt64
        package var r: UInt64
        package var p: UInt64

        package init(n: UInt64 = 1 << 17, r: UInt64 = 8, p: UInt64 = 1) {
            self.n = n
            self.r = r
            self.p = p
        }
    }

    /// Derives a secret of `count` bytes.
    ///
    /// - Throws: `invalidInput` when the cost is malformed or wants more than 1 GiB of memory.
    package static func derive(
        passphrase: SecretBytes?, salt: [UInt8], cost: Cost = Cost(), count: Int
    ) throws -> SecretBytes {
        try SecretBytes(count: count) { output in
            let key = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
            let outcome: Int32
            if let passphrase {
                outcome = passphrase.withUnsafeBytes { bytes in
                    EVP_PBE_scrypt(
                        bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, salt,
                        salt.count, cost.n, cost.r, cost.p, 1 << 30, key, output.count)
                }
            } else {
                outcome = EVP_PBE_scrypt(
                    "", 0, salt, salt.count, cost.n, cost.r, cost.p, 1 << 30, key, output.count)
            }
            guard outcome == 1 else {
                throw CryptographyError.openSSL(.invalidInput, "derive with scrypt")
            }
        }
    }
}
