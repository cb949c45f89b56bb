import AccessPolicy
import ArgumentParser
import Contracts
import Foundation

extension KeyCommand {
    /// Key policies, which each Region has for itself.
    struct Policy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read, write, compare and copy key policies.",
            subcommands: [Get.self, Put.self, Diff.self, Copy.self])

        struct Get: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Print a key's policy.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String

            func run() async throws {
                try await client.connected { session in
                    let key = try await KeyLookup.id(key, session)
                    if client.json {
                        var answer = KeysGetKeyPolicyResponse()
                        answer.policy = try await Policy.read(key, session)
                        return try JSONOutput.print(answer)
                    }
                    Console.print(try await Policy.read(key, session))
                }
            }
        }

        struct Put: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Replace a key's policy in the Region that is asked.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String
            @OptionGroup var policy: PolicySource
            @Flag(help: "Accept a policy after which nobody could change it.")
            var bypassLockoutCheck = false

            func validate() throws {
                if policy.isDefault {
                    throw ValidationError("Name --policy FILE or --baseline-policy.")
                }
            }

            func run() async throws {
                try await client.connected { session in
                    var request = KeysPutKeyPolicyRequest()
                    request.keyID = try await KeyLookup.id(key, session)
                    request.policy = try await policy.document(session)
                    request.bypassPolicyLockoutSafetyCheck = bypassLockoutCheck
                    let answer = try await session.keys.putKeyPolicy(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print("Changed the policy of \(request.keyID) in \(session.region).")
                }
            }
        }

        struct Diff: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Compare a key's policies in two Regions, statement by statement.",
                discussion: "Exit code 1 when they differ.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID or alias.") var key: String
            @Option(help: ArgumentHelp("One Region; default: the one asked.", valueName: "region"))
            var from: String?
            @Option(help: ArgumentHelp("The other Region.", valueName: "region")) var to: String

            func run() async throws {
                try await client.connected { session in
                    let source = try from.map(session.other) ?? session
                    let target = try session.other(to)
                    let key = try await KeyLookup.id(key, source)
                    let difference = try await Policy.difference(key, source, target)
                    if client.json {
                        try JSONOutput.print(PolicyChanges(difference))
                    } else {
                        Policy.show(difference, from: source.region, to: target.region)
                    }
                    if !difference.isEmpty { throw ExitCode(1) }
                }
            }
        }

        struct Copy: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Give a key the same policy in another Region, showing what changes.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID or alias.") var key: String
            @Option(
                help: ArgumentHelp(
                    "Region to take it from; default: the one asked.", valueName: "region"))
            var from: String?
            @Option(help: ArgumentHelp("Region to change.", valueName: "region")) var to: String
            @Flag(help: "Only show what would change.") var dryRun = false

            func run() async throws {
                try await client.connected { session in
                    let source = try from.map(session.other) ?? session
                    let target = try session.other(to)
                    let key = try await KeyLookup.id(key, source)
                    let difference = try await Policy.difference(key, target, source)
                    if client.json {
                        try JSONOutput.print(PolicyChanges(difference))
                    } else {
                        Policy.show(difference, from: target.region, to: source.region)
                    }
                    if dryRun || difference.isEmpty { return }
                    var request = KeysPutKeyPolicyRequest()
                    request.keyID = key
                    request.policy = try await Policy.read(key, source)
                    _ = try await target.keys.putKeyPolicy(request, options: session.options)
                    if !client.json {
                        Console.print("Changed the policy of \(key) in \(target.region).")
                    }
                }
            }
        }

        static func read(_ key: String, _ session: RegionSession) async throws -> String {
            var request = KeysGetKeyPolicyRequest()
            request.keyID = key
            return try await session.keys.getKeyPolicy(request, options: session.options).policy
        }

        static func difference(
            _ key: String, _ first: RegionSession, _ second: RegionSession
        ) async throws -> PolicyDifference {
            PolicyDifference(
                from: try PolicyDocument(json: try await read(key, first)),
                to: try PolicyDocument(json: try await read(key, second)))
        }

        static func show(_ difference: PolicyDifference, from: String, to: String) {
            guard !difference.isEmpty else {
                return Console.print("The policies in \(from) and \(to) say the same.")
            }
            Console.print("--- \(from)\n+++ \(to)")
            for line in difference.lines { Console.print(line) }
        }
    }
}

/// A difference as JSON.
struct PolicyChanges: Encodable {
    struct Change: Encodable {
        var kind: String
        var statement: String
        var element: String?
        var before: String?
        var after: String?
    }

    let equal: Bool
    let changes: [Change]

    init(_ difference: PolicyDifference) {
        equal = difference.isEmpty
        changes = difference.changes.flatMap { change -> [Change] in
            switch change {
            case .added(let name, let json):
                [Change(kind: "added", statement: name, after: json)]
            case .removed(let name, let json):
                [Change(kind: "removed", statement: name, before: json)]
            case .changed(let name, let elements):
                elements.map {
                    Change(
                        kind: "changed", statement: name, element: $0.element, before: $0.before,
                        after: $0.after)
                }
            }
        }
    }
}
