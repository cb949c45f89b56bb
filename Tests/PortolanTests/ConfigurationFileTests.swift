import Foundation
import ServiceKit
import Synchronization
import Testing

@testable import portolan

@Suite("Configuration and context files")
struct ConfigurationFileTests {
    private func failure(
        _ name: String, _ text: String?, _ load: (String) async throws -> Void
    ) async throws -> CommandFailure {
        let path = NSTemporaryDirectory() + "portolan-\(name)-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        if let text { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
        do {
            try await load(path)
        } catch {
            return ErrorText.failure(error)
        }
        return CommandFailure("nothing was thrown")
    }

    private let complete = """
        {"region": "eu-central-1", "trustDomain": "portolan.test", "accountID": "111122223333",
         "dataDirectory": "/tmp/data", "pki": {"directory": "/tmp/pki"},
         "listen": {"directory": "127.0.0.1:7101"}}
        """

    @Test(
        "a wrong value is refused, naming its key",
        arguments: [
            ("eu-central-1", "Frankfurt", "region"), ("111122223333", "1111", "accountID"),
            ("127.0.0.1:7101", "127.0.0.1", "directory"), ("portolan.test", "", "trustDomain"),
        ])
    func wrongValue(value: String, wrong: String, key: String) async throws {
        let text = complete.replacing("\"\(value)\"", with: "\"\(wrong)\"")
        let failure = try await failure("configuration", text) {
            _ = try await ConfigurationFile.load($0)
        }
        #expect(failure.message.contains(key))
        #expect(failure.exitCode == 78)
    }

    @Test("a configuration that is missing or not JSON is refused with what to do")
    func unreadable() async throws {
        for text in [nil, "{", "[]"] {
            let failure = try await failure("configuration", text) {
                _ = try await ConfigurationFile.load($0)
            }
            #expect(failure.exitCode == 78)
            #expect(!failure.hint.isEmpty)
        }
    }

    @Test("another Region's service may have several addresses, each of which must be one")
    func severalAddresses() async throws {
        func with(_ addresses: String) -> String {
            let peers = """
                "peers": {"names": ["eu-west-1"], "eu-west-1": {"coordinator": "\(addresses)"}},
                """
            return complete.replacing("\"dataDirectory\"", with: peers + "\"dataDirectory\"")
        }
        for wrong in ["a:1,", ",a:1", "a:1,b", "a:1,,b:2", ""] {
            let failure = try await failure("configuration", with(wrong)) {
                _ = try await ConfigurationFile.load($0)
            }
            #expect(failure.message.contains("peers.eu-west-1.coordinator"))
        }
        let read = Mutex<[String]>([])
        _ = try await failure("configuration", with("a:1, [::1]:2")) {
            let configuration = try await ConfigurationFile.load($0)
            let found = configuration.addresses(of: .coordinator, in: "eu-west-1")
            read.withLock { $0 = found.map(\.description) }
        }
        #expect(read.withLock { $0 } == ["a:1", "[::1]:2"])
    }

    private func load(_ text: String) async throws -> RegionConfiguration {
        let path = NSTemporaryDirectory() + "portolan-engine-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return try await ConfigurationFile.load(path)
    }

    @Test("the engine is all that has to be named to keep the log in PostgreSQL")
    func engine() async throws {
        let plain = try await load(complete)
        #expect(plain.logStorage.name == "sqlite")
        let text = complete.replacing("\"pki\"", with: "\"engine\": \"postgresql\", \"pki\"")
        guard case .postgreSQL(let server) = try await load(text).logStorage else {
            Issue.record("the engine is not PostgreSQL")
            return
        }
        #expect(server.hosts == ["localhost"])
        #expect(server.schema == "portolan_eu_central_1")
        #expect(server.sslMode == "verify-full")
        #expect(server.password == nil)
    }

    @Test("the database's password comes from a file and is shown nowhere")
    func password() async throws {
        let path = NSTemporaryDirectory() + "portolan-password-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("hidden word\n".utf8).write(to: URL(fileURLWithPath: path))
        let text = complete.replacing(
            "\"pki\"", with: "\"postgresql\": {\"passwordFile\": \"\(path)\"}, \"pki\"")
        let server = try #require(try await load(text).postgreSQL)
        #expect(server.password == "hidden word")
        #expect(!"\(server)".contains("hidden"))
    }

    @Test(
        "a wrong engine or database setting is refused, naming its key",
        arguments: [
            ("\"engine\": \"mysql\"", "engine"),
            ("\"postgresql\": {\"schema\": \"Robert'); --\"}", "postgresql.schema"),
            ("\"postgresql\": {\"sslMode\": \"maybe\"}", "postgresql.sslMode"),
            ("\"postgresql\": {\"port\": 70000}", "postgresql.port"),
            ("\"postgresql\": {\"passwordFile\": \"/nonexistent\"}", "postgresql.passwordFile"),
        ])
    func wrongEngine(setting: String, key: String) async throws {
        let text = complete.replacing("\"pki\"", with: setting + ", \"pki\"")
        let failure = try await failure("configuration", text) {
            _ = try await ConfigurationFile.load($0)
        }
        #expect(failure.message.contains(key))
        #expect(failure.exitCode == 78)
    }

    @Test("a context that lacks something names it")
    func context() async throws {
        let missing = try await failure("context", nil) { _ = try OperatorContext.load($0) }
        #expect(missing.hint.contains("portolan context create"))
        let incomplete = try await failure("context", "{\"trustDomain\": \"x\"}") {
            _ = try OperatorContext.load($0)
        }
        #expect(incomplete.message.contains("\"certificate\""))
    }

    @Test("paths of a context start at its own directory, unknown Regions are refused by name")
    func paths() async throws {
        let context = OperatorContext(
            trustDomain: "portolan.test", certificate: "alice/certificate.pem",
            key: "/keys/alice.pem", roots: "root.pem", region: "eu-central-1",
            regions: ["eu-central-1": ["directory": "127.0.0.1:7101"]])
        let directory = NSTemporaryDirectory() + "portolan-context-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = "\(directory)/context.json"
        try context.encoded().write(to: URL(fileURLWithPath: path))
        let loaded = try OperatorContext.load(path)
        #expect(loaded.certificate == "\(directory)/alice/certificate.pem")
        #expect(loaded.key == "/keys/alice.pem")
        #expect(
            try loaded.addresses(of: .directory, in: "eu-central-1").map(\.description)
                == ["127.0.0.1:7101"])
        let unknown = #expect(throws: CommandFailure.self) {
            try loaded.addresses(of: .directory, in: "eu-west-1")
        }
        #expect(unknown?.message.contains("eu-west-1") == true)
    }
}
