import COpenSSL

/// OpenSSL's FIPS 140 provider.
package enum FIPSProvider {
    /// Routes every later operation to the FIPS provider. Call before anything else here.
    ///
    /// - Throws: `providerUnavailable` when the module is not installed or fails its self-test. The
    ///   process may go on without it; it must then not claim FIPS.
    package static func use() throws {
        // The third argument keeps the default provider usable if this one is missing.
        guard OSSL_PROVIDER_try_load(nil, "fips", 1) != nil else {
            throw CryptographyError.openSSL(
                .providerUnavailable,
                "OpenSSL's FIPS provider is not usable; install fips.so, run `openssl fipsinstall` "
                    + "and include fipsmodule.cnf in openssl.cnf, or switch FIPS off")
        }
        guard OSSL_PROVIDER_load(nil, "base") != nil,
            EVP_default_properties_enable_fips(nil, 1) == 1
        else {
            throw CryptographyError.openSSL(.providerUnavailable, "switch to the FIPS provider")
        }
    }

    /// Whether algorithms are taken from the FIPS provider only.
    package static var isInUse: Bool {
        EVP_default_properties_is_fips_enabled(nil) == 1
    }
}
