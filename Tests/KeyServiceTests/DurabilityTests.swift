import Contracts
import Cryptography
import Foundation
import GRDB
import Logging
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Keys at rest")
struct DurabilityTests {
    typealias R = TestRegions

    private func module(
        _ configuration: KeyServiceConfiguration
    ) throws -> KeyServiceModule {
        try KeyServiceModule(
            configuration: configuration, trail: TestTrail(),
            peers: { throw RPCError.keyNotFound($0) }, logger: Logger(label: "test"))
    }

    @Test("keys, aliases, states and policies survive the end of the process")
    func restart() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        let disabled = try await regions.makeKey()
        try await regions.disable(disabled.keyID)
        _ = try await regions.management().createAlias(
            .with {
                $0.aliasName = "alias/x"
                $0.targetKeyID = key.keyID
            })
        let blob = try await regions.encrypt("secret", key.keyID)
        regions.stop(R.home)
        try regions.start(R.home)
        #expect(try await regions.decrypt(blob) == "secret")
        #expect(try await regions.describe("alias/x") == key)
        #expect(try await regions.describe(disabled.keyID).keyState == .disabled)
    }

    @Test("no material is on disk in the clear")
    func atRest() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        let active = try #require(regions.module(R.home).administration.ring[key.keyID])
        let material = try #require(active.materials().first).withUnsafeBytes { Data($0) }
        regions.stop(R.home)
        for name in try FileManager.default.contentsOfDirectory(
            atPath: regions.dataDirectory(R.home))
        {
            let path = "\(regions.dataDirectory(R.home))/\(name)"
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(data.range(of: material) == nil, "\(name)")
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
            #expect((mode as? Int).map { $0 & 0o077 } == 0, "\(name) is open to others")
        }
    }

    @Test("a missing, foreign, exposed or damaged root key ends the start and changes nothing")
    func rootKeyFaults() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        let blob = try await regions.encrypt("secret", key.keyID)
        regions.stop(R.home)
        let path = "\(regions.dataDirectory(R.home))/root.key"
        let good = try Data(contentsOf: URL(fileURLWithPath: path))

        func start(_ expected: RootKeyError.Code) {
            let error = #expect(throws: RootKeyError.self) { try regions.start(R.home) }
            #expect(error?.code == expected)
        }
        func write(_ data: Data, mode: Int = 0o600) throws {
            try data.write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }

        try FileManager.default.removeItem(atPath: path)
        start(.missing)
        #expect(!FileManager.default.fileExists(atPath: path))
        try write(good, mode: 0o644)
        start(.exposed)
        try write(good.dropLast())
        start(.malformed)
        var foreign = good
        foreign[10] ^= 1
        try write(foreign)
        start(.mismatch)
        try write(good)
        try regions.start(R.home)
        #expect(try await regions.decrypt(blob) == "secret")
    }

    @Test("a root key sealed with a passphrase opens with that passphrase only")
    func passphrase() throws {
        let regions = try TestRegions([])
        let directory = "\(regions.directory)/sealed"
        let right = try SecretBytes(copying: Array("correct horse".utf8))
        let wrong = try SecretBytes(copying: Array("battery staple".utf8))
        _ = try module(regions.configuration(R.home, passphrase: right, directory: directory))
        let none = #expect(throws: RootKeyError.self) {
            try module(regions.configuration(R.home, directory: directory))
        }
        #expect(none?.code == .passphraseMissing)
        let other = #expect(throws: RootKeyError.self) {
            try module(regions.configuration(R.home, passphrase: wrong, directory: directory))
        }
        #expect(other?.code == .passphraseWrong)
        _ = try module(regions.configuration(R.home, passphrase: right, directory: directory))
    }

    @Test("a data directory is for one process, one Region and one account")
    func oneOwner() throws {
        let regions = try TestRegions([R.home])
        let second = #expect(throws: KeyStoreError.self) {
            try module(regions.configuration(R.home))
        }
        #expect(second?.message.contains("another process") == true)
        regions.stop(R.home)
        let foreign = #expect(throws: KeyStoreError.self) {
            try module(
                regions.configuration(R.away, directory: regions.dataDirectory(R.home)))
        }
        #expect(foreign?.message.contains("eu-central-1/111122223333") == true)
    }

    @Test("a database that is not one ends the start")
    func damagedDatabase() throws {
        let regions = try TestRegions([R.home])
        regions.stop(R.home)
        let path = "\(regions.dataDirectory(R.home))/keys.sqlite"
        try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: path))
        #expect(throws: KeyStoreError.self) { try regions.start(R.home) }
    }

    @Test("a full disk refuses the change, keeps what there was and serves on")
    func fullDisk() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        let store = try regions.module(R.home).administration.store
        let pages = try await store.database.writeWithoutTransaction { database in
            let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            try database.execute(sql: "PRAGMA max_page_count = \(pages)")
            return pages
        }
        #expect(pages > 0)
        var refusal: RPCError?
        for _ in 0..<200 where refusal == nil {
            do {
                _ = try await regions.makeKey()
            } catch let error as RPCError {
                refusal = error
            }
        }
        #expect(refusal?.reason == "STORAGE_FULL")
        #expect(refusal?.code == .resourceExhausted)
        let inMemory = try regions.module(R.home).administration.ring.keyCount
        #expect(try store.contents().keys.count == inMemory)
        #expect(
            try await regions.decrypt(regions.encrypt("still works", key.keyID)) == "still works")
        #expect(regions.trails[R.home]?.names.last == "CreateKey!")
    }

    @Test("a killed process leaves every acknowledged change and nothing half done")
    func killed() async throws {
        let regions = try TestRegions([])
        let directory = "\(regions.directory)/killed"
        let acknowledged = "\(regions.directory)/acknowledged"
        try Data().write(to: URL(fileURLWithPath: acknowledged))
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [directory = directory as String, acknowledged = acknowledged as String] in
            let inner = try TestRegions([])
            let module = try KeyServiceModule(
                configuration: inner.configuration(R.home, directory: directory),
                trail: TestTrail(), peers: { throw RPCError.keyNotFound($0) },
                logger: Logger(label: "test"))
            let management = KeysKeyManagementClient(
                InProcessTransport(methods: module.methods, peer: .operator(name: "ada")))
            let output = try #require(FileHandle(forWritingAtPath: acknowledged))
            for round in 0..<60 {
                let key = try await management.createKey(KeysCreateKeyRequest()).keyMetadata
                _ = try await management.disableKey(.with { $0.keyID = key.keyID })
                try output.write(contentsOf: Data("\(key.keyID)\n".utf8))
                if round == 20 {
                    // Somewhere in the midst of what follows.
                    Thread.detachNewThread {
                        usleep(useconds_t.random(in: 0..<20_000))
                        kill(getpid(), SIGKILL)
                    }
                }
            }
            try await Task.sleep(for: .seconds(60))
        }
        let lines = try String(contentsOfFile: acknowledged, encoding: .utf8)
        let promised = lines.split(separator: "\n").map(String.init)
        #expect(promised.count >= 20)
        let opened = try module(regions.configuration(R.home, directory: directory))
        let keys = opened.administration.ring.keys
        for keyID in promised {
            #expect(opened.administration.ring[keyID]?.stored.state == .disabled)
        }
        #expect(keys.count <= promised.count + 1)
        for key in keys { #expect(throws: Never.self) { try key.currentSealingMaterial() } }
    }

    @Test("a directory that cannot be made is a clear error")
    func unusableDirectory() throws {
        let regions = try TestRegions([])
        let error = #expect(throws: KeyStoreError.self) {
            try module(regions.configuration(R.home, directory: "/proc/none/keys"))
        }
        #expect(error?.message.contains("/proc/none/keys") == true)
    }
}
