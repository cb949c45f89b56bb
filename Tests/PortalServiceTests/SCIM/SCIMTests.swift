import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RPC
import ServiceKit
import SwiftProtobuf
import Synchronization
import Testing

@testable import PortalService

@Suite("SCIM endpoint")
struct SCIMTests {
    static let user = """
        {"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"new@example.com",
        "displayName":"New Person","name":{"givenName":"New","familyName":"Person"},"active":true}
        """

    @Test(
        "without a good token nothing is answered", arguments: ["", "Bearer nonsense", "Basic x"])
    func unauthorized(header: String) async throws {
        let portal = try TestPortal()
        let answer = try await call(portal, .get, "/Users", token: nil, header: header)
        #expect(answer.status == .unauthorized)
        #expect(answer.json["status"] as? String == "401")
        #expect(portal.trail.events.first?.errorCode == "UnauthorizedException")
    }

    @Test("an expired token is refused")
    func expired() async throws {
        let portal = try TestPortal()
        let token = try await portal.features.scimDesk.create(validDays: 1, events: []).secret
        portal.now.addTimeInterval(86_400)
        #expect(try await call(portal, .get, "/Users", token: token).status == .unauthorized)
    }

    @Test("at most two tokens live")
    func tokenLimit() async throws {
        let portal = try TestPortal()
        let desk = portal.features.scimDesk
        let first = try await desk.create(validDays: 0, events: [])
        _ = try await desk.create(validDays: 0, events: [])
        let error = await #expect(throws: RPCError.self) {
            try await desk.create(validDays: 0, events: [])
        }
        #expect(error?.reason == "TOO_MANY_TOKENS")
        try await desk.delete(first.token.tokenID, events: [])
        #expect(try desk.recognise(first.secret) == nil)
        _ = try await desk.create(validDays: 0, events: [])
    }

    @Test("an additional Region refuses and names the primary's endpoint")
    func additionalRegion() async throws {
        let answer = try await call(try TestPortal(isPrimary: false), .get, "/Users", token: "x")
        #expect(answer.status == .forbidden)
        #expect(
            (answer.json["detail"] as? String)?.contains("\(TestPortal.primaryURL)/scim/v2") == true
        )
    }

    @Test(
        "bodies that cannot be read are refused", arguments: ["{", "[]", "", "{\"userName\":{}}"])
    func badBody(body: String) async throws {
        let answer = try await call(try TestPortal(), .post, "/Users", body: body)
        #expect(answer.status == .badRequest)
        #expect(answer.json["scimType"] != nil)
    }

    @Test("a body over 1 MiB is refused")
    func largeBody() async throws {
        let body = "\"" + String(repeating: "a", count: 1_048_577) + "\""
        let answer = try await call(try TestPortal(), .post, "/Users", body: body)
        #expect(answer.status == .contentTooLarge)
    }

    @Test(
        "filters that do not parse are refused",
        arguments: ["userName", "userName eq", "userName xx \"a\"", "(userName eq \"a\""])
    func badFilter(filter: String) async throws {
        let answer = try await call(
            try TestPortal(), .get, "/Users?filter=\(queryEncoded(filter))")
        #expect(answer.status == .badRequest)
        #expect(answer.json["scimType"] as? String == "invalidFilter")
    }

    @Test("a user is made, found, changed and deleted")
    func user() async throws {
        let portal = try TestPortal()
        let made = try await call(portal, .post, "/Users", body: Self.user)
        #expect(made.status == .created)
        let id = try #require(made.json["id"] as? String)
        #expect(made.location == "\(TestPortal.url)/scim/v2/Users/\(id)")
        let found = try await call(
            portal, .get, "/Users?filter=\(queryEncoded("userName eq \"NEW@example.com\""))")
        #expect(found.json["totalResults"] as? Int == 1)
        let patched = try await call(
            portal, .patch, "/Users/\(id)",
            body: """
                {"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations":[{"op":"Replace","path":"active","value":"False"}]}
                """)
        #expect(patched.json["active"] as? Bool == false)
        #expect(patched.json["displayName"] as? String == "New Person")
        #expect(try await call(portal, .delete, "/Users/\(id)").status == .noContent)
        #expect(try await call(portal, .get, "/Users/\(id)").status == .notFound)
    }

    @Test("what SCIM has no attributes for stays, also when a person is replaced")
    func outsideSCIM() async throws {
        let portal = try TestPortal()
        let made = try await call(portal, .post, "/Users", body: Self.user)
        let id = try #require(made.json["id"] as? String)
        portal.directory.content.withLock {
            $0.users[id]?.website = "https://new.example"
            $0.users[id]?.birthdate = "1990-02-28"
            $0.users[id]?.title = "Pilot"
        }
        #expect(try await call(portal, .put, "/Users/\(id)", body: Self.user).status == .ok)
        let patch = #"{"Operations":[{"op":"add","path":"roles","value":[{"value":"Guide"}]}]}"#
        #expect(try await call(portal, .patch, "/Users/\(id)", body: patch).status == .ok)
        let user = try #require(portal.directory.content.withLock { $0.users[id] })
        #expect(user.website == "https://new.example" && user.birthdate == "1990-02-28")
        #expect(user.title.isEmpty)
        #expect(user.roles.map(\.value) == ["Guide"])
    }

    @Test("the directory learns that the SCIM client did it")
    func actor() async throws {
        let portal = try TestPortal()
        _ = try await call(portal, .post, "/Users", body: Self.user)
        let text = try #require(portal.directory.content.withLock { $0.actors.first })
        let actor = try TrailActor(serializedBytes: try #require(Data(base64Encoded: text)))
        #expect(actor.type == "WebIdentityUser")
        #expect(actor.eventSource == "identitystore-scim.amazonaws.com")
    }

    @Test("a second user of the same name is a conflict")
    func duplicate() async throws {
        let portal = try TestPortal()
        _ = try await call(portal, .post, "/Users", body: Self.user)
        let again = try await call(portal, .post, "/Users", body: Self.user)
        #expect(again.status == .conflict)
        #expect(again.json["scimType"] as? String == "uniqueness")
    }

    @Test("members are added and removed without touching the others")
    func groupPatch() async throws {
        let portal = try TestPortal()
        portal.directory.add("bo@example.com", id: "b0b0b0b0-0000-4000-8000-000000000000")
        let path = "/Groups/\(TestPortal.administrators)"
        func patch(_ operation: String) -> String {
            "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],"
                + "\"Operations\":[\(operation)]}"
        }
        let added = try await call(
            portal, .patch, path,
            body: patch(
                #"{"op":"Add","path":"members","value":[{"value":"b0b0b0b0-0000-4000-8000-000000000000"}]}"#
            ))
        #expect(added.status == .noContent)
        #expect(members(portal).count == 2)
        _ = try await call(
            portal, .patch, path,
            body: patch(#"{"op":"remove","path":"members[value eq \"\#(TestPortal.userID)\"]"}"#))
        #expect(members(portal) == ["b0b0b0b0-0000-4000-8000-000000000000"])
        let unknown = try await call(
            portal, .patch, path,
            body: patch(#"{"op":"add","path":"members","value":[{"value":"nobody"}]}"#))
        #expect(unknown.status == .badRequest)
    }

    @Test("discovery documents are there; other endpoints are not")
    func discovery() async throws {
        let portal = try TestPortal()
        for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"] {
            #expect(try await call(portal, .get, path).status == .ok)
        }
        let other = try await call(portal, .post, "/Bulk", body: "{}")
        #expect(other.status == .notFound)
        #expect(other.json["status"] as? String == "404")
    }

    private func members(_ portal: TestPortal) -> Set<String> {
        portal.directory.content.withLock { $0.members[TestPortal.administrators] ?? [] }
    }

    private struct Answer {
        let status: HTTPResponse.Status
        let json: [String: Any]
        let location: String?
    }

    private func call(
        _ portal: TestPortal, _ method: HTTPRequest.Method, _ path: String, body: String? = nil,
        token: String? = "make one", header: String? = nil
    ) async throws -> Answer {
        var secret = token
        if token == "make one" {
            let live = try portal.features.scimDesk.list()
            for token in live {
                try await portal.features.scimDesk.delete(token.tokenID, events: [])
            }
            secret = try await portal.features.scimDesk.create(validDays: 0, events: []).secret
        }
        var headers: HTTPFields = [.contentType: "application/scim+json"]
        if let header { headers[.authorization] = header.isEmpty ? nil : header }
        if let secret { headers[.authorization] = "Bearer \(secret)" }
        let application = Application(router: portal.features.router())
        let (status, data, location) = try await application.test(.router) {
            [headers] client in
            try await client.execute(
                uri: "/scim/v2\(path)", method: method, headers: headers,
                body: body.map { ByteBuffer(string: $0) }
            ) { ($0.status, Data($0.body.readableBytesView), $0.headers[.location]) }
        }
        let json = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        return Answer(status: status, json: json ?? [:], location: location)
    }
}
