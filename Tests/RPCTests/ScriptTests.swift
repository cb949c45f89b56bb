import Contracts
import Foundation
import NIOCore
import Testing

@testable import RPC

/// The client script of this repository against a server; it was written from the documentation.
@Suite("client script", .timeLimit(.minutes(2)), .enabled(if: Python.path != nil))
struct ScriptTests {
    @Test("Clients/read_user.py reads a user, and reports what the server says")
    func readUser() async throws {
        let pki = try TestPKI()
        var methods = MethodTable()
        methods.register(
            DirectoryMethods.findUser,
            .unary { payload, _ in
                let request = try MessageCoding.decode(DirectoryFindUserRequest.self, from: payload)
                guard request.userName == "mara" else {
                    throw RPCError(
                        .notFound, reason: "USER_NOT_FOUND", message: "There is no such user.")
                }
                var response = DirectoryFindUserResponse()
                response.user.displayName = "Mara Lind"
                return try MessageCoding.encode(response)
            })
        let server = RPCServer(
            methods: methods, authorization: nil,
            tls: try TLSIdentityStore(pki.identity(TestServer.directory)))
        let address = try await server.start(
            group: TestServer.group, address: RPCAddress(host: "127.0.0.1", port: 0))
        let directory = FileManager.default.temporaryDirectory
            .appending(path: "portolan-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true)
        let identity = try pki.identity(.operator(name: "anna"))
        for (name, bytes) in [
            ("certificate.pem", identity.certificateChain), ("key.pem", identity.privateKey),
            ("root.pem", identity.trustRoots),
        ] { try Data(bytes).write(to: directory.appending(path: name)) }

        let found = try await Self.readUser("mara", "eu-west-1", address, directory)
        #expect(found.status == 0, "\(found.errors)")
        #expect(found.output.contains("display_name: \"Mara Lind\""))
        let missing = try await Self.readUser("nils", "eu-west-1", address, directory)
        #expect(missing.status == 1)
        #expect(missing.errors.contains("USER_NOT_FOUND: There is no such user."))
        let elsewhere = try await Self.readUser("mara", "us-east-1", address, directory)
        #expect(elsewhere.status == 1)
        #expect(elsewhere.errors.contains("not the directory of us-east-1"))
        try FileManager.default.removeItem(at: directory)
        await server.shutDown(drain: .zero)
    }

    private static func readUser(
        _ user: String, _ region: String, _ address: RPCAddress, _ files: URL
    ) async throws -> Python.Outcome {
        try await Python.run(
            [
                Python.root.path + "/Clients/read_user.py", "--address", "\(address)", "--region",
                region,
                "--user", user, "--certificate", files.appending(path: "certificate.pem").path,
                "--key", files.appending(path: "key.pem").path,
                "--ca", files.appending(path: "root.pem").path,
            ])
    }
}
