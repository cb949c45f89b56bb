import AccessPolicy
import ArgumentParser
import Contracts

/// Where a key's policy comes from.
struct PolicySource: ParsableArguments {
    @Option(
        help: ArgumentHelp("Policy document, JSON.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var policy: String?

    @Flag(help: "The policy that lets this system's services use the key.")
    var baselinePolicy = false

    func validate() throws {
        if policy != nil, baselinePolicy {
            throw ValidationError("Name --policy or --baseline-policy.")
        }
    }

    var isDefault: Bool { policy == nil && !baselinePolicy }

    /// The document; empty for the default policy. Checked here so that a mistake is shown with its
    /// place before anything happens.
    func document(_ session: RegionSession) async throws -> String {
        if baselinePolicy { return try await Self.baseline(session) }
        guard let policy else { return "" }
        let text = try InputFile.text(policy, bytesMax: 32_768)
        do {
            _ = try PolicyDocument(json: text)
        } catch let error as PolicyError {
            throw CommandFailure(
                "\(policy) is not a policy document: \(error).",
                hint: "Nothing was changed. A working one: portolan key policy get <key>.")
        }
        return text
    }

    /// The baseline of this instance's account and organization.
    ///
    /// A Region that is only going to be added holds no instance yet, so the others are asked too.
    static func baseline(_ session: RegionSession) async throws -> String {
        let instance = try await instance(session)
        do {
            return try BaselineKeyPolicy.document(
                managementAccount: instance.ownerAccountID, organization: instance.organizationID)
        } catch let error as PolicyError {
            throw CommandFailure(
                "There is no baseline policy for this instance: \(error).",
                hint: "Write the policy to a file and name it with --policy.")
        }
    }

    private static func instance(_ session: RegionSession) async throws -> CoordinatorInstance {
        let others = session.context.regions.keys.filter { $0 != session.region }.sorted()
        var first: (any Error)?
        for region in [session.region] + others {
            do {
                return try await session.other(region).instance.getInstance(
                    CoordinatorGetInstanceRequest(), options: session.options
                ).instance
            } catch {
                first = first ?? error
            }
        }
        throw first ?? CommandFailure("The context names no Region.")
    }
}

/// Keys by alias.
enum KeyLookup {
    /// The ID behind an alias; an ID or ARN as it is.
    static func id(_ key: String, _ session: RegionSession) async throws -> String {
        guard key.hasPrefix("alias/") || key.contains(":alias/") else { return key }
        var request = KeysDescribeKeyRequest()
        request.keyID = key
        return try await session.keys.describeKey(request, options: session.options)
            .keyMetadata.keyID
    }
}
