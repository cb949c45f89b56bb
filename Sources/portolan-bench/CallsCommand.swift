import ArgumentParser
import Contracts
import Foundation

/// Calls of the runtime's own client, for what is not a read from memory.
struct CallsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calls", abstract: "Encrypt, sign or look up access with many callers.")

    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case encrypt, sign, access
    }

    @Argument var kind: Kind
    @OptionGroup var target: Target
    @Option(help: "Key to encrypt or sign with.") var key = ""
    @Option(help: "User ID whose access is asked for.") var user = ""
    @Option var callers = 64
    @Option var connections = 4
    @Option var seconds = 5

    func run() async throws {
        let call = try self.call()
        try await CallerPool.measure(callers: callers, seconds: seconds) { _ in try await call() }
            .report()
    }

    private func call() throws -> @Sendable () async throws -> Void {
        switch kind {
        case .encrypt:
            let client = KeysCryptographyClient(
                try target.client("keys", connections: connections))
            var request = KeysEncryptRequest()
            request.keyID = key
            request.plaintext = Data(repeating: 0x61, count: 256)
            return { [request] in _ = try await client.encrypt(request) }
        case .sign:
            let client = KeysCryptographyClient(
                try target.client("keys", connections: connections))
            var request = KeysSignRequest()
            request.keyID = key
            request.message = Data(repeating: 0x61, count: 32)
            request.messageIsDigest = true
            request.signingAlgorithm = .ecdsaSha256
            return { [request] in _ = try await client.sign(request) }
        case .access:
            let client = PermissionsClient(
                try target.client("permission", connections: connections))
            var request = PermissionGetAccessRequest()
            request.userID = user
            return { [request] in _ = try await client.getAccess(request) }
        }
    }
}
