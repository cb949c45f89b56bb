import RPC

/// Which algorithms may be used. With FIPS 140 switched on, what the approved ones do not include
/// is refused by its name, whether or not OpenSSL's provider would do it.
struct AlgorithmRules: Sendable {
    /// SHA-1 may not protect keys or data any more (NIST SP 800-131A); scrypt is no approved
    /// derivation (SP 800-132 has PBKDF2 only).
    static let notApproved: Set<String> = [
        "RSAES_OAEP_SHA_1", "RSA_AES_KEY_WRAP_SHA_1", "scrypt",
    ]

    let isFIPS: Bool

    /// - Throws: UnsupportedOperationException that names the algorithm.
    func require(_ name: String) throws {
        guard isFIPS, Self.notApproved.contains(name) else { return }
        throw RPCError.unsupported(
            "\(name) is not an approved algorithm, and this Region is set to FIPS 140.")
    }
}
