import ArgumentParser
import ServiceKit

extension PKICommand {
    struct Renew: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give existing identities new keys and certificates for the same names.",
            discussion: "Running services take them over within 30 seconds for new connections; "
                + "the web certificate is read at the start.")

        static let parts = ServiceName.allCases.map(\.rawValue) + ["https"]

        @OptionGroup var place: Directory
        @OptionGroup var days: Days

        @Option(help: ArgumentHelp("The Region whose identities to renew.", valueName: "region"))
        var region: String?

        @Option(
            help: ArgumentHelp(
                "Only this service, or https for the web certificate; may be repeated.",
                valueName: "service"),
            completion: .list(Self.parts))
        var service: [String] = []

        @Option(help: ArgumentHelp("The operator to renew.", valueName: "name"))
        var `operator`: String?

        func validate() throws {
            guard (region == nil) != (`operator` == nil) else {
                throw ValidationError("Name one of --region and --operator.")
            }
            guard `operator` == nil || service.isEmpty else {
                throw ValidationError("--service goes with --region.")
            }
            for part in service where !Self.parts.contains(part) {
                throw ValidationError(
                    "\(part) is not one of \(Self.parts.joined(separator: ", ")).")
            }
        }

        func run() async throws {
            let pki = PKI(directory: place.directory)
            if let name = `operator` {
                let files = pki.layout.operatorIdentity(name)
                try pki.renew(files, issuer: pki.layout.operatorIssuer, validity: days.validity)
                return Console.print("Renewed \(files.certificate)")
            }
            guard let region else { return }
            for part in service.isEmpty ? Self.parts : service {
                let files = IdentityFiles(
                    directory: "\(pki.layout.regionDirectory(region))/\(part)")
                try pki.renew(
                    files, issuer: pki.layout.issuer(ofRegion: region), validity: days.validity)
                Console.print("Renewed \(files.certificate)")
            }
        }
    }
}
