import ArgumentParser
import Contracts
import Foundation

/// Calls of one kind over the native wire.
struct CallsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calls", abstract: "Use a key or look up access, native wire.")

    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case encrypt, sign, access
        case signRSA = "sign-rsa"
        case dataKey = "data-key"
    }

    @Argument var kind: Kind
    @OptionGroup var target: Target
    @OptionGroup var load: LoadOptions
    @Option(help: "Key to encrypt or sign with.") var key = ""
    @Option(help: "User ID whose access is asked for.") var user = ""

    func run() async throws {
        switch kind {
        case .encrypt:
            var request = KeysEncryptRequest()
            request.keyID = key
            request.plaintext = Data(repeating: 0x61, count: 256)
            try await load.measure(
                target, "keys", [NativeCall.body(KeysCryptographyMethods.encrypt, request)])
        case .sign:
            var request = KeysSignRequest()
            request.keyID = key
            request.message = Data(repeating: 0x61, count: 32)
            request.messageIsDigest = true
            request.signingAlgorithm = .ecdsaSha256
            try await load.measure(
                target, "keys", [NativeCall.body(KeysCryptographyMethods.sign, request)])
        case .signRSA:
            var request = KeysSignRequest()
            request.keyID = key
            request.message = Data(repeating: 0x61, count: 32)
            request.messageIsDigest = true
            request.signingAlgorithm = .rsassaPkcs1V15Sha256
            try await load.measure(
                target, "keys", [NativeCall.body(KeysCryptographyMethods.sign, request)])
        case .dataKey:
            var request = KeysGenerateDataKeyRequest()
            request.keyID = key
            try await load.measure(
                target, "keys",
                [NativeCall.body(KeysCryptographyMethods.generateDataKey, request)])
        case .access:
            var request = PermissionGetAccessRequest()
            request.userID = user
            try await load.measure(
                target, "permission", [NativeCall.body(PermissionsMethods.getAccess, request)])
        }
    }
}
