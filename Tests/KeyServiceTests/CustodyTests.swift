import Contracts
import Cryptography
import Foundation
import Logging
import RPC
import ServiceKit
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Custody of the root key", .serialized)
struct CustodyTests {
    typealias R = TestRegions

    private func open(_ configuration: KeyServiceConfiguration) throws -> KeyServiceModule {
        try KeyServiceModule(
            configuration: configuration, trail: TestTrail(),
            peers: { throw RPCError.keyNotFound($0) }, logger: Logger(label: "test"))
    }

    private func management(_ module: KeyServiceModule) -> KeysKeyManagementClient {
        KeysKeyManagementClient(
            InProcessTransport(methods: module.methods, peer: .operator(name: "ada")))
    }

    private func cryptography(_ module: KeyServiceModule) -> KeysCryptographyClient {
        KeysCryptographyClient(
            InProcessTransport(methods: module.methods, peer: .operator(name: "ada")))
    }

    private func encrypted(
        _ module: KeyServiceModule
    ) async throws -> Data {
        let key = try await management(module).createKey(.init()).keyMetadata
        return try await cryptography(module).encrypt(
            .with {
                $0.keyID = key.keyID
                $0.plaintext = Data("secret".utf8)
            }
        ).ciphertextBlob
    }

    private func decrypted(_ module: KeyServiceModule, _ blob: Data) async throws -> String {
        let answer = try await cryptography(module).decrypt(.with { $0.ciphertextBlob = blob })
        return String(decoding: answer.plaintext, as: UTF8.self)
    }

    @Test("a root key from a secret store is used as it is and never made")
    func providedFile() async throws {
        let regions = try TestRegions([])
        let path = "\(regions.directory)/provided"
        var custody = KeyCustody()
        custody.rootKey = .file(path)
        let configuration = regions.configuration(R.home).with(custody, nil)
        let missing = #expect(throws: RootKeyError.self) { try open(configuration) }
        #expect(missing?.code == .missing)
        let bytes = Data(repeating: 0x42, count: 32)
        _ = FileManager.default.createFile(
            atPath: path, contents: bytes, attributes: [.posixPermissions: 0o600])
        var blob = Data()
        do { blob = try await encrypted(open(configuration)) }
        #expect(try await decrypted(open(configuration), blob) == "secret")
        #expect(!FileManager.default.fileExists(atPath: RootKeyOpening.path(configuration)))
    }

    @Test("FIPS refuses what is not approved by its name")
    func notApproved() throws {
        let regions = try TestRegions([])
        var custody = KeyCustody()
        custody.fips = true
        let passphrase = try SecretBytes(copying: Array("correct horse".utf8))
        let configuration = regions.configuration(R.home).with(custody, passphrase)
        let error = #expect(throws: RPCError.self) {
            try RootKeyOpening.open(configuration, mayCreate: true)
        }
        #expect(error?.reason == "UnsupportedOperationException")
        #expect(error?.message.contains("scrypt") == true)
        let rules = AlgorithmRules(isFIPS: true)
        for name in ["RSAES_OAEP_SHA_1", "RSA_AES_KEY_WRAP_SHA_1"] {
            let error = #expect(throws: RPCError.self) { try rules.require(name) }
            #expect(error?.message.contains(name) == true)
        }
        #expect(throws: Never.self) { try rules.require("RSAES_OAEP_SHA_256") }
        #expect(throws: Never.self) { try AlgorithmRules(isFIPS: false).require("scrypt") }
    }

    @Test("a process that is set to FIPS without the provider does not start")
    func noProvider() async throws {
        await #expect(processExitsWith: .success) {
            let regions = try TestRegions([])
            var custody = KeyCustody()
            custody.fips = true
            let configuration = regions.configuration(R.home).with(custody, nil)
            do {
                _ = try KeyServiceModule(
                    configuration: configuration, trail: TestTrail(),
                    peers: { throw RPCError.keyNotFound($0) }, logger: Logger(label: "test"))
                // The provider is installed on this machine.
                guard FIPSProvider.isInUse else { exit(1) }
            } catch let error as CryptographyError {
                guard error.code == .providerUnavailable, error.message.contains("fipsinstall")
                else { exit(2) }
            }
            exit(0)
        }
    }

    @Test("a new root key opens what was there, and the old one nothing any more")
    func rotation() async throws {
        let regions = try TestRegions([])
        let configuration = regions.configuration(R.home)
        var blob = Data()
        do { blob = try await encrypted(open(configuration)) }
        let path = RootKeyOpening.path(configuration)
        let old = try Data(contentsOf: URL(fileURLWithPath: path))
        let before = try wrapped(configuration)
        let count = try KeyStoreTool(configuration).rotateRootKey(
            to: KeyCustody(), passphrase: nil)
        #expect(count == before.count)
        let bytes = try Data(
            contentsOf: URL(fileURLWithPath: "\(configuration.dataDirectory)/keys.sqlite"))
        for material in before { #expect(bytes.range(of: Data(material)) == nil) }
        #expect(try await decrypted(open(configuration), blob) == "secret")
        try old.write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        let error = #expect(throws: RootKeyError.self) { try open(configuration) }
        #expect(error?.code == .mismatch)
    }

    @Test("a change of the root key that was cut off is brought to its end or undone")
    func interruptedRotation() async throws {
        let regions = try TestRegions([])
        let configuration = regions.configuration(R.home)
        var blob = Data()
        do { blob = try await encrypted(open(configuration)) }
        let path = RootKeyOpening.path(configuration)
        let next = RootKeyReplacement.nextPath(configuration)
        // Cut off before the material was wrapped anew: the new key is of no use.
        try SealedFileRootKey.make(path: next, passphrase: nil)
        #expect(try await decrypted(open(configuration), blob) == "secret")
        #expect(!FileManager.default.fileExists(atPath: next))
        // Cut off after it: the old key is of no use.
        let old = try Data(contentsOf: URL(fileURLWithPath: path))
        _ = try KeyStoreTool(configuration).rotateRootKey(to: KeyCustody(), passphrase: nil)
        try FileManager.default.moveItem(atPath: path, toPath: next)
        try old.write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        #expect(try await decrypted(open(configuration), blob) == "secret")
        #expect(!FileManager.default.fileExists(atPath: next))
    }

    @Test("a root key is not changed under a service that runs")
    func running() async throws {
        let regions = try TestRegions([])
        let configuration = regions.configuration(R.home)
        let module = try open(configuration)
        let blob = try await encrypted(module)
        #expect(throws: KeyStoreError.self) {
            try KeyStoreTool(configuration).rotateRootKey(to: KeyCustody(), passphrase: nil)
        }
        #expect(try await decrypted(module, blob) == "secret")
    }

    @Test("a backup of a running service opens nothing without the root key, and all with it")
    func backup() async throws {
        let regions = try TestRegions([])
        let configuration = regions.configuration(R.home)
        let file = "\(regions.directory)/backup"
        var blob = Data()
        var keyCount = 0
        do {
            let module = try open(configuration)
            blob = try await encrypted(module)
            keyCount = module.administration.ring.keyCount
            try KeyStoreTool(configuration).backUp(to: file)
        }
        #expect(throws: KeyStoreError.self) { try KeyStoreTool(configuration).backUp(to: file) }
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        let elsewhere = regions.configuration(R.home, directory: "\(regions.directory)/new")
        let missing = #expect(throws: RootKeyError.self) {
            try KeyStoreTool(elsewhere).restore(from: file)
        }
        #expect(missing?.code == .missing)
        try SealedFileRootKey.make(path: RootKeyOpening.path(elsewhere), passphrase: nil)
        let wrong = #expect(throws: RootKeyError.self) {
            try KeyStoreTool(elsewhere).restore(from: file)
        }
        #expect(wrong?.code == .mismatch)
        try FileManager.default.removeItem(atPath: RootKeyOpening.path(elsewhere))
        try FileManager.default.copyItem(
            atPath: RootKeyOpening.path(configuration), toPath: RootKeyOpening.path(elsewhere))
        let summary = try KeyStoreTool(elsewhere).restore(from: file)
        #expect(summary.keyCount == keyCount)
        #expect(try await decrypted(open(elsewhere), blob) == "secret")
        #expect(throws: KeyStoreError.self) { try KeyStoreTool(elsewhere).restore(from: file) }
        #expect(try KeyStoreTool(elsewhere).check() == summary)
    }

    @Test("a backup that is damaged or of another Region is not restored")
    func foreignBackup() async throws {
        let regions = try TestRegions([])
        let configuration = regions.configuration(R.home)
        do { _ = try await encrypted(open(configuration)) }
        let file = "\(regions.directory)/backup"
        try KeyStoreTool(configuration).backUp(to: file)
        let away = regions.configuration(R.away)
        let error = #expect(throws: KeyStoreError.self) {
            try KeyStoreTool(away).restore(from: file)
        }
        #expect(error?.message.contains("eu-central-1/111122223333") == true)
        try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: file))
        #expect(throws: KeyStoreError.self) { try KeyStoreTool(away).restore(from: file) }
        #expect(
            !FileManager.default.fileExists(atPath: "\(away.dataDirectory)/keys.sqlite"))
    }

    private func wrapped(_ configuration: KeyServiceConfiguration) throws -> [[UInt8]] {
        try KeyStore(directory: configuration.dataDirectory).contents().keys
            .flatMap { $0.materials.map(\.wrapped) }
    }
}
