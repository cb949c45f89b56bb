import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import Synchronization
import Testing

@testable import PortalService

@Suite("The AWS access portal API and the credentials page")
struct PortalAPITests {
    @Test("a bearer that is no session is refused in AWS' form", arguments: ["", "nonsense"])
    func unauthorized(bearer: String) async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        try await portal.run { client in
            var headers = TestPortal.cookie(token)
            if !bearer.isEmpty { headers[.bearerToken] = bearer }
            try await client.execute(uri: "/assignment/accounts", method: .get, headers: headers) {
                response in
                #expect(response.status == .unauthorized)
                #expect(response.headers[.amazonErrorType] == "UnauthorizedException")
                #expect(
                    String(buffer: response.body).contains("Session token not found or invalid"))
            }
        }
    }

    @Test("a role that is not assigned is 403 No access, and nothing is recorded as given")
    func notAssigned() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        try await portal.run { client in
            try await client.execute(
                uri: "/federation/credentials?account_id=\(TestPortal.accountID)&role_name=Admin",
                method: .get, headers: [.bearerToken: token]
            ) { response in
                #expect(response.status == .forbidden)
                #expect(response.headers[.amazonErrorType] == "ForbiddenException")
            }
        }
        #expect(portal.trail.events.isEmpty)
    }

    @Test(
        "missing and malformed parameters are 400",
        arguments: [
            "/federation/credentials?account_id=1", "/assignment/roles",
            "/assignment/accounts?max_result=0", "/assignment/accounts?max_result=101",
            "/assignment/accounts?next_token=-1", "/assignment/accounts?next_token=9",
        ])
    func invalid(path: String) async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        try await portal.run { client in
            try await client.execute(uri: path, method: .get, headers: [.bearerToken: token]) {
                #expect($0.status == .badRequest)
                #expect($0.headers[.amazonErrorType] == "InvalidRequestException")
            }
        }
    }

    @Test("accounts, roles and credentials come in AWS' shapes")
    func shapes() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        try await portal.run { client in
            let accounts = try await get(client, "/assignment/accounts", token)
            let list = try #require(accounts["accountList"] as? [[String: String]])
            #expect(list.first?["accountId"] == TestPortal.accountID)
            let roles = try await get(
                client, "/assignment/roles?account_id=\(TestPortal.accountID)", token)
            #expect((roles["roleList"] as? [[String: String]])?.first?["roleName"] == "ReadOnly")
            let answer = try await get(
                client,
                "/federation/credentials?account_id=\(TestPortal.accountID)&role_name=ReadOnly",
                token)
            let keys = try #require(answer["roleCredentials"] as? [String: Any])
            #expect((keys["accessKeyId"] as? String)?.count == 20)
            #expect((keys["secretAccessKey"] as? String)?.count == 40)
            #expect((keys["expiration"] as? Int64) == 1_790_003_600_000)
        }
        #expect(
            portal.trail.names == ["ListAccounts", "ListAccountRoles", "GetRoleCredentials"])
        let given = try #require(portal.trail.events.last)
        #expect(
            given.serviceEventDetailsJson
                == "{\"account_id\":\"\(TestPortal.accountID)\",\"role_name\":\"ReadOnly\"}")
    }

    @Test("keys are given to nobody who may not sign in, and not before the event is on disk")
    func refusedCredentials() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        let path =
            "/federation/credentials?account_id=\(TestPortal.accountID)&role_name=ReadOnly"
        try await portal.run { client in
            func expect(_ status: HTTPResponse.Status, _ path: String) async throws {
                try await client.execute(uri: path, method: .get, headers: [.bearerToken: token]) {
                    #expect($0.status == status)
                    #expect(!String(buffer: $0.body).contains("ASIA"))
                }
            }
            portal.trail.fail(with: .init(.unavailable, reason: "DOWN", message: "down"))
            try await expect(.serviceUnavailable, path)
            portal.trail.fail(with: nil)
            try await expect(.badRequest, path + "&role_name=Admin")
            portal.unassigned.value = true
            try await expect(.forbidden, path)
            portal.unassigned.value = false
            // Disabled, then gone: whatever is asked for.
            portal.directory.setEnabled(TestPortal.userID, false)
            for path in [path, "/federation/credentials", path + "&role_name=Admin"] {
                try await expect(.unauthorized, path)
            }
            portal.directory.content.withLock { $0.users = [:] }
            try await expect(.unauthorized, path)
        }
        #expect(portal.trail.events.isEmpty)
    }

    @Test("Logout ends the session")
    func logout() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        try await portal.run { client in
            for status in [HTTPResponse.Status.ok, .unauthorized] {
                try await client.execute(
                    uri: "/logout", method: .post, headers: [.bearerToken: token]
                ) { #expect($0.status == status) }
            }
        }
    }

    @Test("the page shows keys to copy; without the event there are none")
    func page() async throws {
        let portal = try TestPortal()
        let token = try await portal.sessionToken()
        let body = TestPortal.form(
            ["account_id": TestPortal.accountID, "role": "ReadOnly"], csrf: token)
        try await portal.run { client in
            try await client.execute(
                uri: "/credentials", method: .post, headers: TestPortal.formHeaders(token),
                body: body
            ) { response in
                let page = String(buffer: response.body)
                #expect(response.headers[.cacheControl] == "no-store")
                #expect(
                    page.contains("export AWS_ACCESS_KEY_ID=&quot;ASIA")
                        || page.contains("export AWS_ACCESS_KEY_ID=\"ASIA"))
            }
            portal.trail.fail(with: .init(.unavailable, reason: "DOWN", message: "down"))
            try await client.execute(
                uri: "/credentials", method: .post, headers: TestPortal.formHeaders(token),
                body: body
            ) { response in
                #expect(response.status == .serviceUnavailable)
                #expect(!String(buffer: response.body).contains("ASIA"))
            }
        }
    }

    private func get(
        _ client: any TestClientProtocol, _ path: String, _ token: String
    ) async throws -> [String: Any] {
        let body = try await client.execute(
            uri: path, method: .get, headers: [.bearerToken: token]
        ) { response in
            #expect(response.status == .ok)
            return Data(response.body.readableBytesView)
        }
        return try #require(try JSONSerialization.jsonObject(with: body) as? [String: Any])
    }
}
