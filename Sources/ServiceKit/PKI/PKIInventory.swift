package import Foundation
import X509

/// What an installation's certificates are and how long they last.
package struct PKIInventory: Sendable {
    package struct Item: Sendable {
        /// "root", "issuer", "service", "https" or "operator".
        package let kind: String
        package let name: String
        /// SPIFFE ID or host names.
        package let identity: String
        package let notAfter: Date
        package let path: String

        /// Whole days until it ends; negative once it has.
        package func daysLeft(_ now: Date) -> Int {
            Int((notAfter.timeIntervalSince(now) / 86_400).rounded(.down))
        }
    }

    package let items: [Item]

    /// Reads every certificate below the directory. Throws `PKIError`.
    package static func read(_ layout: PKILayout) throws -> PKIInventory {
        let remedy = "Run portolan pki init --directory \(layout.directory) first."
        var items = [try item("root", "root", layout.root, remedy: remedy)]
        for name in names(in: "\(layout.directory)/issuers") {
            items.append(
                try item("issuer", name, "\(layout.directory)/issuers/\(name)/certificate.pem"))
        }
        for region in names(in: "\(layout.directory)/regions") {
            let directory = layout.regionDirectory(region)
            for name in names(in: directory) {
                items.append(
                    try item(
                        name == "https" ? "https" : "service", "\(region)/\(name)",
                        "\(directory)/\(name)/certificate.pem"))
            }
        }
        for name in names(in: "\(layout.directory)/operators") {
            items.append(
                try item("operator", name, layout.operatorIdentity(name).certificate))
        }
        return PKIInventory(items: items)
    }

    private static func item(
        _ kind: String, _ name: String, _ path: String,
        remedy: String = "Restore it from a backup, or remove its directory and make it again."
    ) throws -> Item {
        let chain = try CertificateFile.read(path, remedy: remedy)
        let leaf = chain[0]
        return Item(
            kind: kind, name: name,
            identity: CertificateFile.uri(leaf)
                ?? CertificateFile.hosts(leaf).joined(separator: ", "),
            notAfter: leaf.notValidAfter, path: path)
    }

    private static func names(in directory: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { !$0.hasPrefix(".") }.sorted()
    }
}
