import Foundation
package import Logging
package import RPC

/// Watches a service's certificate and takes over a new one without a restart.
///
/// A renewed identity is written as files; connections made afterwards use it. Unusable files are
/// reported and the old identity stays.
package struct IdentityReloader: Sendable {
    private let store: TLSIdentityStore
    private let path: String
    private let load: @Sendable () throws -> TLSIdentity
    private let interval: Duration
    private let logger: Logger

    /// `interval` lies between two looks at the certificate file.
    package init(
        store: TLSIdentityStore, service: ServiceName, configuration: RegionConfiguration,
        interval: Duration = .seconds(30), logger: Logger
    ) {
        self.store = store
        self.path =
            PKILayout(directory: configuration.pkiDirectory)
            .service(service, region: configuration.region).certificate
        self.load = { try ServiceIdentity.load(service, configuration: configuration) }
        self.interval = interval
        self.logger = logger
    }

    /// Until cancelled.
    package func run() async throws {
        var seen = modified()
        while true {
            try await Task.sleep(for: interval)
            let now = modified()
            guard now != seen else { continue }
            seen = now
            do {
                try store.replace(try load())
                logger.info("took over a new certificate", metadata: ["file": "\(path)"])
            } catch {
                logger.error(
                    "the new certificate cannot be used; the old one stays",
                    metadata: ["file": "\(path)", "problem": "\(error)"])
            }
        }
    }

    private func modified() -> Date? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }
}
