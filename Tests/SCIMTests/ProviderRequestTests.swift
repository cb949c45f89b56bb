import Foundation
import Testing

@testable import SCIM

/// Request bodies in the shapes that Okta's and Microsoft's provisioning documentation show.
@Suite("Requests of identity providers")
struct ProviderRequestTests {
    private func parse(_ json: String) throws -> SCIMValue { try SCIMValue.parse(Data(json.utf8)) }

    private func patch(_ user: SCIMUser, _ json: String) throws -> SCIMUser {
        try SCIMUser(PatchEngine.apply(PatchOperation.parse(parse(json)), to: user.object))
    }

    /// As Okta creates a person: empty strings for what is not set.
    private func oktaUser() throws -> SCIMUser {
        try SCIMUser(
            parse(
                """
                {"schemas":["urn:ietf:params:scim:schemas:core:2.0:User",
                 "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
                 "userName":"test.user@okta.local","name":{"givenName":"Test","middleName":"",
                 "familyName":"User"},"emails":[{"primary":true,"value":"test.user@okta.local",
                 "type":"work"}],"phoneNumbers":[],"addresses":[],"nickName":"",
                 "displayName":"Test User","locale":"en-US","externalId":"00ujl29u0le5T6Aj10h7",
                 "groups":[],"password":"1mz050nq","active":true,
                 "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                 {"department":"Sales","employeeNumber":701984}}
                """))
    }

    @Test("Okta's POST: unset strings are absent, a number becomes a string, no password is kept")
    func oktaCreate() throws {
        let user = try oktaUser()
        #expect(user.userName == "test.user@okta.local")
        #expect(user.name.middleName.isEmpty && user.nickName.isEmpty)
        #expect(user.enterprise.employeeNumber == "701984")
        let written = String(decoding: SCIMValue.object(user.object).serialized(), as: UTF8.self)
        #expect(!written.contains("1mz050nq"))
        #expect(!written.contains("nickName"))
    }

    @Test("Okta's deactivation, as a boolean and in an array")
    func oktaDeactivate() throws {
        for value in ["false", "[false]"] {
            let user = try patch(
                oktaUser(),
                """
                {"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                 "Operations":[{"op":"replace","path":"active","value":\(value)}]}
                """)
            #expect(!user.active)
        }
    }

    @Test("Okta's group push: replace, remove and add in one request keep their order")
    func oktaGroup() throws {
        let changes = try GroupChange.changes(
            from: PatchOperation.parse(
                parse(
                    #"""
                    {"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
                     {"op":"replace","value":{"id":"abf4dd94","displayName":"Test SCIMv2"}},
                     {"op":"remove","path":"members[value eq \"89bb1940\"]"},
                     {"op":"add","path":"members","value":[{"value":"23a35c27",
                      "display":"test.user@okta.local"}]}]}
                    """#)))
        #expect(
            changes == [
                .setDisplayName("Test SCIMv2"), .removeMembers(["89bb1940"]),
                .addMembers(["23a35c27"]),
            ])
    }

    @Test("Entra ID's POST without schemas, with SCIM 1.1's enterprise URN")
    func entraCreate() throws {
        let user = try SCIMUser(
            parse(
                """
                {"externalId":"58342554-38d6-4ec8-948c-50044d0a33fd","userName":"Anna_Test@x.example",
                 "active":"True","displayName":"Anna","meta":{"resourceType":"User"},"roles":[],
                 "emails":[{"primary":"True","type":"work","value":"anna@x.example"}],
                 "urn:scim:schemas:extension:enterprise:1.0":{"department":"R&D","manager":"8c18"}}
                """))
        #expect(user.active)
        #expect(user.emails == [.init(value: "anna@x.example", type: "work", primary: true)])
        #expect(user.enterprise.department == "R&D")
        #expect(user.enterprise.managerID == "8c18")
    }

    @Test("Entra ID's update: a filtered path in Replace and Add, dotted names, the enterprise URN")
    func entraUpdate() throws {
        let user = try patch(
            oktaUser(),
            #"""
            {"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
             {"op":"Replace","path":"emails[type eq \"work\"].value","value":"updated@x.example"},
             {"op":"Add","path":"emails[type eq \"home\"].value","value":"home@x.example"},
             {"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+49 1"},
             {"op":"Add","path":"addresses[type eq \"work\"].streetAddress","value":"Street 1"},
             {"op":"Add","path":"addresses[type eq \"work\"].country","value":"DE"},
             {"op":"Replace","path":"name.familyName","value":"updatedFamilyName"},
             {"op":"Replace","value":{"name.formatted":"Test Updated",
              "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"IT",
              "emails[type eq \"other\"].value":"other@x.example"}},
             {"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
              "value":"8c18"},
             {"op":"Remove","path":"locale"}]}
            """#)
        #expect(
            user.emails == [
                .init(value: "updated@x.example", type: "work", primary: true),
                .init(value: "home@x.example", type: "home"),
                .init(value: "other@x.example", type: "other"),
            ])
        #expect(user.phoneNumbers == [.init(value: "+49 1", type: "mobile")])
        #expect(user.addresses.map(\.streetAddress) == ["Street 1"])
        #expect(user.addresses.map(\.country) == ["DE"])
        #expect(user.name.givenName == "Test")
        #expect(user.name.familyName == "updatedFamilyName")
        #expect(user.name.formatted == "Test Updated")
        #expect(user.enterprise.department == "IT")
        #expect(user.enterprise.employeeNumber == "701984")
        #expect(user.enterprise.managerID == "8c18")
        #expect(user.locale.isEmpty)
    }

    @Test("Entra ID's removal of members, by value and with a null reference")
    func entraMembers() throws {
        let changes = try GroupChange.changes(
            from: PatchOperation.parse(
                parse(
                    """
                    {"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
                     {"op":"Remove","path":"members","value":[{"$ref":null,"value":"f648f8d5"}]},
                     {"op":"Add","path":"members","value":[{"$ref":null,"value":"1e7f"}]}]}
                    """)))
        #expect(changes == [.removeMembers(["f648f8d5"]), .addMembers(["1e7f"])])
    }

    @Test("explicit nulls, as OneLogin sends them, clear an attribute")
    func nulls() throws {
        let user = try patch(
            oktaUser(),
            """
            {"Operations":[{"op":"replace","value":{"title":null,"locale":null,
             "name":{"middleName":null,"givenName":"New"},"phoneNumbers":null}}]}
            """)
        #expect(user.locale.isEmpty && user.title.isEmpty && user.phoneNumbers.isEmpty)
        #expect(user.name.givenName == "New")
        #expect(user.name.familyName == "User")
    }
}

@Suite("Traps of PATCH")
struct PatchTrapTests {
    private func value(_ json: String) throws -> SCIMValue { try SCIMValue.parse(Data(json.utf8)) }

    private func emails(after operation: String) throws -> [SCIMUser.Contact] {
        let user = try value(
            """
            {"userName":"b","emails":[{"value":"w@x.example","type":"work","primary":true},
             {"value":"h@x.example","type":"home"}]}
            """)
        let operations = try PatchOperation.parse(value("{\"Operations\":[\(operation)]}"))
        let object = try #require(user.object)
        return try SCIMUser(PatchEngine.apply(operations, to: object)).emails
    }

    private func changes(_ operation: String) throws -> [GroupChange] {
        try GroupChange.changes(
            from: PatchOperation.parse(value("{\"Operations\":[\(operation)]}")))
    }

    @Test("a removal that names nobody removes nobody")
    func emptyRemoval() throws {
        #expect(try changes(#"{"op":"remove","path":"members","value":[]}"#) == [])
        #expect(try emails(after: #"{"op":"remove","path":"emails","value":[]}"#).count == 2)
        #expect(try emails(after: #"{"op":"remove","path":"emails"}"#).isEmpty)
    }

    @Test("a group as a member is refused")
    func nestedGroup() {
        #expect(throws: SCIMError.self) {
            try changes(#"{"op":"add","path":"members","value":[{"value":"1","type":"Group"}]}"#)
        }
    }

    @Test("adding an address that is there does not repeat it")
    func noRepetition() throws {
        let added = try emails(
            after: #"{"op":"add","path":"emails","value":[{"value":"h@x.example","type":"home"}]}"#)
        #expect(added.map(\.value) == ["w@x.example", "h@x.example"])
        let labelled = try emails(
            after: #"{"op":"add","path":"emails","value":{"value":"w@x.example","type":"work"}}"#)
        #expect(labelled.map(\.value) == ["w@x.example", "h@x.example"])
    }

    @Test("an element made primary takes it from the other, by whatever path")
    func primary() throws {
        for operation in [
            #"{"op":"replace","path":"emails[type eq \"home\"].primary","value":"True"}"#,
            #"{"op":"replace","path":"emails[type eq \"home\"]","value":{"primary":true}}"#,
        ] {
            let changed = try emails(after: operation)
            #expect(changed.filter(\.primary).map(\.value) == ["h@x.example"])
        }
    }

    @Test("a part that is not kept is refused, not passed over")
    func unknownPart() {
        for path in ["name.shoeSize", "emails[type eq \\\"work\\\"].colour", "userName.x"] {
            #expect {
                try emails(after: "{\"op\":\"replace\",\"path\":\"\(path)\",\"value\":\"x\"}")
            } throws: {
                ($0 as? SCIMError)?.kind == .invalidPath
            }
        }
    }

    @Test("a path that is no string is refused, not taken for none")
    func pathKind() {
        #expect {
            try emails(after: #"{"op":"replace","path":5,"value":{"emails":[]}}"#)
        } throws: {
            ($0 as? SCIMError)?.kind == .invalidPath
        }
    }
}

@Suite("SCIM's JSON")
struct SCIMJSONTests {
    private func parse(_ json: String) throws -> SCIMValue { try SCIMValue.parse(Data(json.utf8)) }

    private func kind(_ json: String) -> SCIMError.Kind? {
        do {
            _ = try parse(json)
            return nil
        } catch { return (error as? SCIMError)?.kind }
    }

    @Test("what is not JSON, is nested too deep, too wide or names one thing twice is refused")
    func refused() {
        for text in ["", "{", "{\"a\":}", "nonsense", "{\"a\":1,}x"] {
            #expect(kind(text) == .invalidSyntax, "\(text)")
        }
        let deep = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
        #expect(kind(deep) == .invalidSyntax)
        let wide = (0..<257).map { "\"a\($0)\":1" }.joined(separator: ",")
        #expect(kind("{\(wide)}") == .invalidSyntax)
        #expect(kind("{\"userName\":\"a\",\"username\":\"b\"}") == .invalidSyntax)
    }

    @Test("an object of a hundred thousand names is refused at once")
    func wideObject() throws {
        let wide = (0..<80_000).map { "\"a\($0)\":1" }.joined(separator: ",")
        #expect(kind("{\(wide)}") == .invalidSyntax)
    }

    @Test("kinds survive, and what is written is read back the same")
    func roundTrip() throws {
        let object = SCIMObject([
            ("a", .bool(true)), ("b", .integer(1)), ("c", .number(1.5)), ("d", .null),
            ("e", .string("\"\\/\n\t\u{1}é😀\u{2028}")), ("f", .array([.bool(false), .integer(0)])),
            ("g", .object(SCIMObject([("h", .string(""))]))),
            ("i", .integer(-9_007_199_254_740_991)),
        ])
        let written = SCIMValue.object(object).serialized()
        #expect(try SCIMValue.parse(written) == .object(object))
        #expect(
            String(decoding: written, as: UTF8.self).hasPrefix(#"{"a":true,"b":1,"c":1.5,"d":null"#)
        )
    }

    @Test("a null can be looked for in both ways")
    func nullFilter() throws {
        let with = SCIMObject([("title", .string("x"))])
        let without = SCIMObject()
        let isNull = try FilterParser.parse("title eq null")
        let isNotNull = try FilterParser.parse("title ne null")
        #expect(isNull.matches(without) && !isNull.matches(with))
        #expect(!isNotNull.matches(without) && isNotNull.matches(with))
    }
}
