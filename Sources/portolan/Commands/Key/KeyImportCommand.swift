import ArgumentParser
import Contracts
import Foundation

extension KeyCommand {
    /// Material that comes from outside, for keys made with --origin external.
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import key material.",
            discussion: """
                A key made with --origin external waits for its material. Get the wrapping key, wrap \
                the material with it and hand it in; Docs/keys.md shows the commands. Each Region of \
                a multi-Region key gets the same material on its own.
                """,
            subcommands: [Parameters.self, Material.self, Delete.self])

        enum Algorithm: String, ExpressibleByArgument, CaseIterable {
            case oaepSHA1 = "RSAES_OAEP_SHA_1"
            case oaepSHA256 = "RSAES_OAEP_SHA_256"
            case aesSHA1 = "RSA_AES_KEY_WRAP_SHA_1"
            case aesSHA256 = "RSA_AES_KEY_WRAP_SHA_256"

            var value: KeysWrappingAlgorithm {
                switch self {
                case .oaepSHA1: .rsaesOaepSha1
                case .oaepSHA256: .rsaesOaepSha256
                case .aesSHA1: .rsaAesKeyWrapSha1
                case .aesSHA256: .rsaAesKeyWrapSha256
                }
            }
        }

        struct Parameters: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Get a wrapping key and an import token, valid for 24 hours.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String
            @Option(help: "How the material will be wrapped.")
            var algorithm = Algorithm.aesSHA256
            @Option(
                help: ArgumentHelp("Where the public key goes, DER.", valueName: "file"),
                completion: .file())
            var publicKey: String
            @Option(
                help: ArgumentHelp("Where the import token goes.", valueName: "file"),
                completion: .file())
            var token: String

            func run() async throws {
                try await client.connected { session in
                    var request = KeysGetParametersForImportRequest()
                    request.keyID = try await KeyLookup.id(key, session)
                    request.wrappingAlgorithm = algorithm.value
                    request.wrappingKeySpec = .rsa4096
                    let answer = try await session.keys.getParametersForImport(
                        request, options: session.options)
                    try BinaryFile.write(answer.publicKey, publicKey)
                    try BinaryFile.write(answer.importToken, token)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print(
                        "Wrap the material with \(publicKey) until "
                            + "\(Format.time(answer.validToUs)).")
                }
            }
        }

        struct Material: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Hand in wrapped material.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String
            @Option(
                help: ArgumentHelp("The import token.", valueName: "file"), completion: .file())
            var token: String
            @Option(
                help: ArgumentHelp("The wrapped material.", valueName: "file"),
                completion: .file())
            var encrypted: String
            @Option(help: ArgumentHelp("Days until it expires, 1 to 365.", valueName: "days"))
            var expiresInDays: Int?
            @Option(help: ArgumentHelp("Description.", valueName: "text")) var description = ""

            func validate() throws {
                if let expiresInDays, !(1...365).contains(expiresInDays) {
                    throw ValidationError("--expires-in-days is 1 to 365.")
                }
            }

            func run() async throws {
                var request = KeysImportKeyMaterialRequest()
                request.importToken = try BinaryFile.read(token)
                request.encryptedKeyMaterial = try BinaryFile.read(encrypted)
                request.keyMaterialDescription = description
                request.expirationModel = .keyMaterialDoesNotExpire
                if let expiresInDays {
                    request.expirationModel = .keyMaterialExpires
                    request.validToUs =
                        Int64(Date().timeIntervalSince1970 * 1_000_000)
                        + Int64(expiresInDays) * 86_400_000_000
                }
                let draft = request
                try await client.connected { session in
                    var request = draft
                    request.keyID = try await KeyLookup.id(key, session)
                    let answer = try await session.keys.importKeyMaterial(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print(
                        "\(request.keyID) has the material \(answer.keyMaterialID) in "
                            + "\(session.region).")
                }
            }
        }

        struct Delete: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Delete imported material; the key waits for it again.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String

            func run() async throws {
                try await client.connected { session in
                    var request = KeysDeleteImportedKeyMaterialRequest()
                    request.keyID = try await KeyLookup.id(key, session)
                    let answer = try await session.keys.deleteImportedKeyMaterial(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print("\(request.keyID) has no material in \(session.region) now.")
                }
            }
        }
    }
}

/// Files of bytes given on the command line.
enum BinaryFile {
    private static let byteCountMax = 16_384

    static func read(_ path: String) throws -> Data {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(
                "\(path) cannot be read.", hint: "Check the path and its permissions.", exitCode: 2)
        }
        guard (1...byteCountMax).contains(data.count) else {
            throw CommandFailure(
                "\(path) has \(data.count) bytes.", hint: "Is it the right file?", exitCode: 2)
        }
        return data
    }

    static func write(_ data: Data, _ path: String) throws {
        do {
            try data.write(to: URL(fileURLWithPath: path))
        } catch {
            throw CommandFailure(
                "\(path) cannot be written.", hint: "Check the path and its permissions.",
                exitCode: 2)
        }
    }
}
