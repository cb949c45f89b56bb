import ArgumentParser
import Contracts
import Foundation
import SAML

extension InstanceCommand {
    /// Configures the external SAML identity provider.
    struct SetIdP: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set-idp",
            abstract: "Connect the external SAML identity provider by its metadata.")

        @OptionGroup var client: ClientOptions
        @Option(
            help: ArgumentHelp("The IdP's SAML metadata, XML.", valueName: "file"),
            completion: .file(extensions: ["xml"]))
        var metadata: String

        func run() async throws {
            let text = try InputFile.text(metadata, bytesMax: 300_000)
            let provider = try Self.provider(text)
            try await client.connected { session in
                var request = CoordinatorPutIdentityProviderRequest()
                request.identityProvider = provider
                let answer = try await session.instance.putIdentityProvider(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "Connected \(provider.entityID). Give it this service provider's metadata: "
                        + "portolan instance metadata")
            }
        }

        /// What the metadata says. Throws `CommandFailure` naming what is wrong with it.
        static func provider(_ text: String) throws -> CoordinatorIdentityProvider {
            let metadata: IdentityProviderMetadata
            do {
                metadata = try IdentityProviderMetadata(parsing: Array(text.utf8))
            } catch {
                throw CommandFailure(
                    "The file is not usable metadata of an identity provider: \(error) "
                        + "(\(error.code))",
                    hint: "Download the SAML 2.0 IdP metadata from the identity provider again.")
            }
            guard let service = metadata.preferredSignInService else {
                throw CommandFailure("The metadata names no sign-in URL.")
            }
            var provider = CoordinatorIdentityProvider()
            provider.entityID = metadata.entityID
            provider.signInURL = service.location
            provider.binding = service.binding.rawValue
            provider.signingCertificates = metadata.signingCertificatesDER.map { Data($0) }
            provider.metadataXml = text
            return provider
        }
    }

    /// Where the service provider's metadata and the ACS URLs are.
    struct Metadata: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the SAML metadata URL and every Region's ACS URL.")

        struct Answer: Encodable {
            let metadataURL: String
            let assertionConsumerServiceURLs: [String: String]
        }

        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.connected { session in
                let answer = try await session.instance.getInstance(
                    CoordinatorGetInstanceRequest(), options: session.options)
                let regions = answer.regions
                let asked = regions.first { $0.name == answer.region }
                let metadataURL = (asked?.portalURL ?? "") + "/saml/metadata"
                if client.json {
                    let urls = regions.map { ($0.name, $0.portalURL + "/saml/acs") }
                    return try JSONOutput.print(
                        Answer(
                            metadataURL: metadataURL,
                            assertionConsumerServiceURLs: Dictionary(uniqueKeysWithValues: urls)))
                }
                Console.print("Service provider metadata: \(metadataURL)\n")
                var table = Table([.text("Region"), .wide("Assertion consumer service URL")])
                for region in regions { table.add([region.name, region.portalURL + "/saml/acs"]) }
                Console.print(table.render(.output))
            }
        }
    }
}
