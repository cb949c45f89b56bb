import Contracts
import Cryptography
import Foundation
import Logging
import RPC
import ServiceKit
import SwiftProtobuf
import Synchronization
import Testing

@testable import KeyService

/// The root key on a token, by SoftHSM 2.
@Suite("Root key on a PKCS #11 token", .serialized, .enabled(if: SoftToken.isInstalled))
struct TokenTests {
    typealias R = TestRegions

    @Test("keys are made and used under a key that stays in the token")
    func use() async throws {
        let token = try SoftToken()
        let regions = try TestRegions([])
        let configuration = regions.configuration(R.home).with(token.custody, nil)
        var blob = Data()
        do {
            let module = try open(configuration)
            blob = try await encrypted(module)
        }
        #expect(!FileManager.default.fileExists(atPath: RootKeyOpening.path(configuration)))
        let module = try open(configuration)
        let answer = try await cryptography(module).decrypt(.with { $0.ciphertextBlob = blob })
        #expect(answer.plaintext == Data("secret".utf8))
    }

    @Test("wrapped material opens with its context and unaltered only")
    func wrapping() throws {
        let token = try SoftToken()
        let key = try PKCS11RootKey(token.settings, pin: token.pin, mayCreate: true)
        let secret = try Random.secret(32)
        let wrapped = try key.wrap(secret, context: [1, 2])
        #expect(try key.unwrap(wrapped, context: [1, 2]).equals(secret))
        #expect(try key.wrap(secret, context: [1, 2]) != wrapped)
        #expect(throws: CryptographyError.self) { try key.unwrap(wrapped, context: [1]) }
        for position in wrapped.indices {
            var altered = wrapped
            altered[position] ^= 1
            #expect(throws: CryptographyError.self) { try key.unwrap(altered, context: [1, 2]) }
        }
        #expect(throws: CryptographyError.self) { try key.unwrap([1, 2, 3], context: []) }
        // A second object finds the same key.
        let again = try PKCS11RootKey(token.settings, pin: token.pin, mayCreate: false)
        #expect(try again.unwrap(wrapped, context: [1, 2]).equals(secret))
    }

    @Test("a wrong PIN, token, key or module is a clear error")
    func faults() throws {
        let token = try SoftToken()
        let settings = token.settings
        func fails(_ expected: RootKeyError.Code, _ body: () throws -> PKCS11RootKey) {
            let error = #expect(throws: RootKeyError.self) { try body() }
            #expect(error?.code == expected, "\(error?.message ?? "")")
        }
        fails(.missing) { try PKCS11RootKey(settings, pin: token.pin, mayCreate: false) }
        fails(.missing) {
            try PKCS11RootKey(
                .init(
                    modulePath: settings.modulePath, tokenLabel: "nobody", keyLabel: "k",
                    pinFile: ""), pin: token.pin, mayCreate: true)
        }
        fails(.unreadable) {
            try PKCS11RootKey(
                .init(modulePath: "/none.so", tokenLabel: "t", keyLabel: "k", pinFile: ""),
                pin: token.pin, mayCreate: true)
        }
        let wrong = try SecretBytes(copying: Array("9999".utf8))
        fails(.passphraseWrong) { try PKCS11RootKey(settings, pin: wrong, mayCreate: true) }
    }

    @Test("a root key moves from a file to a token and back")
    func move() async throws {
        let token = try SoftToken()
        let regions = try TestRegions([])
        let inFile = regions.configuration(R.home)
        let inToken = inFile.with(token.custody, nil)
        var blob = Data()
        do { blob = try await encrypted(open(inFile)) }
        _ = try KeyStoreTool(inFile).rotateRootKey(to: token.custody, passphrase: nil)
        let error = #expect(throws: RootKeyError.self) { try open(inFile) }
        #expect(error?.code == .mismatch)
        do {
            let module = try open(inToken)
            let answer = try await cryptography(module).decrypt(.with { $0.ciphertextBlob = blob })
            #expect(answer.plaintext == Data("secret".utf8))
        }
        _ = try KeyStoreTool(inToken).rotateRootKey(to: KeyCustody(), passphrase: nil)
        let module = try open(inFile)
        let answer = try await cryptography(module).decrypt(.with { $0.ciphertextBlob = blob })
        #expect(answer.plaintext == Data("secret".utf8))
    }

    private func open(_ configuration: KeyServiceConfiguration) throws -> KeyServiceModule {
        try KeyServiceModule(
            configuration: configuration, trail: TestTrail(),
            peers: { throw RPCError.keyNotFound($0) }, logger: Logger(label: "test"))
    }

    private func cryptography(_ module: KeyServiceModule) -> KeysCryptographyClient {
        KeysCryptographyClient(
            InProcessTransport(methods: module.methods, peer: .operator(name: "ada")))
    }

    private func encrypted(_ module: KeyServiceModule) async throws -> Data {
        let management = KeysKeyManagementClient(
            InProcessTransport(methods: module.methods, peer: .operator(name: "ada")))
        let key = try await management.createKey(.init()).keyMetadata
        return try await cryptography(module).encrypt(
            .with {
                $0.keyID = key.keyID
                $0.plaintext = Data("secret".utf8)
            }
        ).ciphertextBlob
    }
}

/// A fresh token of SoftHSM 2 with a PIN. The module reads its configuration and its tokens once, so
/// all tokens of the process are made before it is loaded.
struct SoftToken {
    static let modulePath = "/usr/lib/softhsm/libsofthsm2.so"
    static let isInstalled = FileManager.default.fileExists(atPath: modulePath)
    private static let pin = "1234"
    private static let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("softhsm-\(getpid())").path
    private static let fresh = Mutex<[String]>(made())

    let settings: KeyCustody.PKCS11
    let pin: SecretBytes
    var custody: KeyCustody {
        var custody = KeyCustody()
        custody.rootKey = .pkcs11(settings)
        return custody
    }

    init() throws {
        let label = try #require(Self.fresh.withLock { $0.popLast() })
        pin = try SecretBytes(copying: Array(Self.pin.utf8))
        settings = KeyCustody.PKCS11(
            modulePath: Self.modulePath, tokenLabel: label, keyLabel: "portolan-root",
            pinFile: "\(Self.directory)/pin")
    }

    private static func made() -> [String] {
        do {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/tokens", withIntermediateDirectories: true)
            try "directories.tokendir = \(directory)/tokens\nlog.level = ERROR\n".write(
                toFile: "\(directory)/softhsm2.conf", atomically: true, encoding: .utf8)
            _ = FileManager.default.createFile(
                atPath: "\(directory)/pin", contents: Data("\(pin)\n".utf8),
                attributes: [.posixPermissions: 0o600])
            setenv("SOFTHSM2_CONF", "\(directory)/softhsm2.conf", 1)
            return try (1...4).map { number in
                let label = "token-\(number)"
                try initialize(label)
                return label
            }
        } catch {
            return []
        }
    }

    private static func initialize(_ label: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "123456",
            "--pin", pin,
        ]
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["SOFTHSM2_CONF": "\(directory)/softhsm2.conf"]
        ) { $1 }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
