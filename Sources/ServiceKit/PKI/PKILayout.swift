/// A certificate chain and its key on disk.
package struct IdentityFiles: Sendable, Hashable {
    /// PEM: the leaf, then its issuer.
    package let certificate: String
    /// PEM, PKCS#8; readable by its owner only.
    package let key: String

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }

    package init(directory: String) {
        self.init(certificate: "\(directory)/certificate.pem", key: "\(directory)/key.pem")
    }
}

/// Where `portolan pki` keeps what.
///
/// A Region's services need `root.pem` and `regions/<region>`; nothing of `issuers` and not
/// `root-key.pem`, which belong where certificates are made.
package struct PKILayout: Sendable, Hashable {
    package let directory: String

    package init(directory: String) { self.directory = directory }

    /// The trust root of all Regions.
    package var root: String { "\(directory)/root.pem" }
    package var rootFiles: IdentityFiles {
        IdentityFiles(certificate: root, key: "\(directory)/root-key.pem")
    }

    package func issuer(ofRegion region: String) -> IdentityFiles {
        IdentityFiles(directory: "\(directory)/issuers/\(region)")
    }

    package var operatorIssuer: IdentityFiles {
        IdentityFiles(directory: "\(directory)/issuers/operators")
    }

    package func regionDirectory(_ region: String) -> String { "\(directory)/regions/\(region)" }

    package func service(_ service: ServiceName, region: String) -> IdentityFiles {
        IdentityFiles(directory: "\(regionDirectory(region))/\(service.rawValue)")
    }

    /// The portal's HTTPS server certificate.
    package func https(region: String) -> IdentityFiles {
        IdentityFiles(directory: "\(regionDirectory(region))/https")
    }

    package func operatorIdentity(_ name: String) -> IdentityFiles {
        IdentityFiles(directory: "\(directory)/operators/\(name)")
    }
}
