import ArgumentParser
import Foundation
import ServiceKit

/// Certificates of an installation.
struct PKICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pki",
        abstract: "Make and inspect the certificates of Regions, services and operators.",
        subcommands: [Init.self, Region.self, Operator.self, Renew.self, Show.self])

    struct Directory: ParsableArguments {
        @Option(
            help: ArgumentHelp("Where certificates and keys are kept.", valueName: "directory"),
            completion: .directory)
        var directory: String
    }

    struct Days: ParsableArguments {
        @Option(help: ArgumentHelp("Days the identities are valid, 1 to 3650.", valueName: "days"))
        var validDays = 365

        func validate() throws {
            guard (1...3_650).contains(validDays) else {
                throw ValidationError("--valid-days must be within 1 to 3650.")
            }
        }

        var validity: PKI.Validity {
            var validity = PKI.Validity()
            validity.identity = validDays
            return validity
        }
    }

    struct Init: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the root and the operators' issuer.")

        @OptionGroup var place: Directory

        @Option(
            help: ArgumentHelp(
                "Name under which all identities stand, such as portolan.example.",
                valueName: "name"))
        var trustDomain: String

        func run() async throws {
            let pki = PKI(directory: place.directory)
            try pki.makeRoot(trustDomain: trustDomain)
            Console.print(
                """
                Made the root of \(trustDomain): \(pki.layout.root)
                Keep \(pki.layout.rootFiles.key) and \(pki.layout.directory)/issuers away from the \
                Regions.
                Next: portolan pki region --directory \(place.directory) --name <region> --host <name>
                """)
        }
    }

    struct Region: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a Region's issuer, its services' identities and its web certificate.")

        @OptionGroup var place: Directory
        @OptionGroup var days: Days

        @Option(help: ArgumentHelp("The Region, such as eu-central-1.", valueName: "region"))
        var name: String

        @Option(
            help: ArgumentHelp(
                "DNS name or IP address the Region is reached by; may be repeated.",
                valueName: "name"))
        var host: [String] = []

        func run() async throws {
            let pki = PKI(directory: place.directory)
            try pki.makeRegion(name, hosts: host, validity: days.validity)
            Console.print(
                """
                Made the identities of \(ServiceName.allCases.count) services and the web \
                certificate of \(name): \(pki.layout.regionDirectory(name))
                """)
        }
    }

    struct Operator: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an operator's identity.",
            discussion: "Roles are not part of the certificate: each Region's configuration says "
                + "what an operator may do. The command prints the lines to put there.")

        static let roles = ["administrator", "key-administrator", "auditor", "break-glass"]

        @OptionGroup var place: Directory
        @OptionGroup var days: Days

        @Option(help: ArgumentHelp("The operator's name.", valueName: "name"))
        var name: String

        @Option(
            help: ArgumentHelp(
                "Role to print the configuration for; may be repeated.", valueName: "role"),
            completion: .list(Self.roles))
        var role: [String] = []

        func validate() throws {
            for role in role where !Self.roles.contains(role) {
                throw ValidationError(
                    "\(role) is not a role: use \(Self.roles.joined(separator: ", ")).")
            }
        }

        func run() async throws {
            let pki = PKI(directory: place.directory)
            try pki.makeOperator(name, validity: days.validity)
            let files = pki.layout.operatorIdentity(name)
            let quoted = (role.isEmpty ? ["administrator"] : role).map { "\"\($0)\"" }
            Console.print(
                """
                Made the operator \(name): \(files.certificate), \(files.key)
                In each Region's configuration:
                  "operators": {"names": ["\(name)"], "\(name)": {"roles": \
                [\(quoted.joined(separator: ", "))]}}
                """)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List all certificates and how long they last.")

        struct Item: Encodable {
            let kind: String
            let name: String
            let identity: String
            let notAfter: String
            let daysLeft: Int
            let path: String
        }

        @OptionGroup var place: Directory
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let now = Date()
            let inventory = try PKIInventory.read(PKILayout(directory: place.directory))
            if json {
                return try JSONOutput.print(inventory.items.map { Self.item($0, now) })
            }
            var table = Table([
                .text("Kind"), .text("Name"), .wide("Identity"), .text("Valid until"),
                .number("Days left"),
            ])
            for item in inventory.items {
                let days = item.daysLeft(now)
                table.add([
                    item.kind, item.name, item.identity, Self.day(item.notAfter),
                    days < 0 ? "EXPIRED" : String(days),
                ])
            }
            Console.print(table.render(.output))
            let soon = inventory.items.filter { $0.daysLeft(now) < 30 }
            if !soon.isEmpty {
                Console.note(
                    "\(soon.count) end within 30 days: renew identities with portolan pki renew.")
            }
        }

        private static func item(_ item: PKIInventory.Item, _ now: Date) -> Item {
            Item(
                kind: item.kind, name: item.name, identity: item.identity,
                notAfter: item.notAfter.formatted(.iso8601), daysLeft: item.daysLeft(now),
                path: item.path)
        }

        private static func day(_ date: Date) -> String {
            date.formatted(.iso8601.year().month().day())
        }
    }
}
