import Foundation
import Testing

@testable import SCIM

@Suite("SCIM resources")
struct ResourceTests {
    private func value(_ json: String) throws -> SCIMValue { try SCIMValue.parse(Data(json.utf8)) }

    @Test("a body that is not JSON, not an object or too large is refused")
    func badBodies() throws {
        #expect(throws: SCIMError.self) { try SCIMValue.parse(Data("{".utf8)) }
        #expect(throws: SCIMError.self) { try SCIMUser(value("[]")) }
        let large = Data(count: SCIMLimits.bodyBytesMax + 1)
        #expect { try SCIMValue.parse(large) } throws: { ($0 as? SCIMError)?.status == 413 }
        let deep = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
        #expect(throws: SCIMError.self) { try value(deep) }
    }

    @Test("a user without userName and a group without displayName are refused")
    func required() {
        #expect(throws: SCIMError.self) { try SCIMUser(value(#"{"displayName":"x"}"#)) }
        #expect(throws: SCIMError.self) { try SCIMGroup(value(#"{"externalId":"x"}"#)) }
        #expect(throws: SCIMError.self) { try SCIMUser(value(#"{"userName":["x"]}"#)) }
    }

    @Test("a user survives encoding and decoding")
    func roundTrip() throws {
        let json = """
            {"userName":"b@example.com","externalId":"00u1","displayName":"B","active":false,
             "name":{"givenName":"Bärbel","familyName":"Ø'Neil"},"title":"Guide","locale":"de-DE",
             "emails":[{"value":"w@example.com","type":"work","primary":true}],
             "phoneNumbers":[{"value":"+49 1","type":"work"}],
             "addresses":[{"locality":"Ulm","country":"DE","type":"work"}],
             "photos":[{"value":"https://x.example/b.png","type":"photo","display":"B"}],
             "roles":[{"value":"Guide","primary":true}],
             "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                {"employeeNumber":"7","department":"Tours","manager":{"value":"26"}}}
            """
        let user = try SCIMUser(value(json))
        let again = try SCIMUser(SCIMValue.parse(SCIMValue.object(user.object).serialized()))
        #expect(again == user)
        #expect(user.enterprise.managerID == "26")
        #expect(user.addresses[0].locality == "Ulm")
        #expect(user.photos.map(\.display) == ["B"])
        #expect(user.roles == [.init(value: "Guide", primary: true)])
    }

    @Test("unset values as identity providers send them count as absent")
    func unset() throws {
        let user = try SCIMUser(
            value(
                """
                {"userName":"x","title":null,"emails":[{"value":"","type":"work"}],
                 "phoneNumbers":[],"active":[true],"nickName":""}
                """))
        #expect(user.emails.isEmpty)
        #expect(user.title.isEmpty)
        #expect(user.active)
    }

    @Test("booleans and numbers keep their kind")
    func kinds() throws {
        let object = try #require(try value(#"{"a":true,"b":1,"c":1.5,"d":0}"#).object)
        #expect(object["a"] == .bool(true))
        #expect(object["b"] == .integer(1))
        #expect(object["c"] == .number(1.5))
        #expect(object["d"] == .integer(0))
    }

    @Test("a projection keeps what is wanted, and id, schemas and meta always")
    func projection() throws {
        var user = SCIMUser()
        user.id = "7"
        user.userName = "x"
        user.title = "y"
        user.name.givenName = "G"
        user.name.familyName = "F"
        let some = try Projection(attributes: "userName,name.givenName", excludedAttributes: nil)
        let shown = some.applied(to: user.object)
        #expect(shown["id"] != nil && shown["userName"] != nil && shown["meta"] != nil)
        #expect(shown["title"] == nil)
        #expect(shown["name"] == .object(SCIMObject([("givenName", .string("G"))])))
        #expect(!some.wants("groups"))
        let rest = try Projection(attributes: nil, excludedAttributes: "title")
        #expect(rest.applied(to: user.object)["title"] == nil)
        #expect(rest.wants("groups"))
        #expect(throws: SCIMError.self) { try Projection(attributes: "a", excludedAttributes: "b") }
    }

    @Test("an error body carries status, keyword and detail")
    func errors() {
        let body = SCIMError(status: 409, kind: .uniqueness, detail: "taken").body.object
        #expect(body?["status"] == .string("409"))
        #expect(body?["scimType"] == .string("uniqueness"))
    }
}
