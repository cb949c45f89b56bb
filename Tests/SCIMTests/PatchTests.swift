import Foundation
import Testing

@testable import SCIM

@Suite("SCIM PATCH of users")
struct PatchTests {
    private func value(_ json: String) throws -> SCIMValue { try SCIMValue.parse(Data(json.utf8)) }

    private func user() throws -> SCIMObject {
        try #require(
            value(
                """
                {"id":"7","userName":"b@example.com","displayName":"B","active":true,
                 "name":{"givenName":"Barbara","familyName":"Jensen"},
                 "emails":[{"value":"w@example.com","type":"work","primary":true},
                           {"value":"h@example.com","type":"home"}]}
                """
            ).object)
    }

    private func patched(_ operations: String) throws -> SCIMUser {
        let parsed = try PatchOperation.parse(value("{\"Operations\":[\(operations)]}"))
        return try SCIMUser(PatchEngine.apply(parsed, to: user()))
    }

    private func kind(_ operations: String) -> SCIMError.Kind? {
        do {
            _ = try patched(operations)
            return nil
        } catch { return (error as? SCIMError)?.kind }
    }

    @Test("what cannot be done is refused, never passed over")
    func refusals() {
        #expect(kind(#"{"op":"move","path":"title","value":"x"}"#) == .invalidSyntax)
        #expect(kind(#"{"op":"remove"}"#) == .noTarget)
        #expect(kind(#"{"op":"add","path":"title"}"#) == .invalidValue)
        #expect(kind(#"{"op":"replace","path":"shoeSize","value":"44"}"#) == .invalidPath)
        #expect(kind(#"{"op":"replace","path":"id","value":"8"}"#) == .mutability)
        #expect(kind(#"{"op":"replace","path":"emails[","value":"8"}"#) == .invalidPath)
        #expect(kind(#"{"op":"replace","path":"active","value":"maybe"}"#) == .invalidValue)
        #expect(kind(#"{"op":"replace","path":"title[a eq \"b\"]","value":"x"}"#) == .invalidPath)
        #expect(
            kind(#"{"op":"replace","path":"emails[type co \"x\"].value","value":"x"}"#) == .noTarget
        )
        #expect(kind(#"{"op":"remove","path":"userName"}"#) == .invalidValue)
    }

    @Test("Entra ID's capital verbs and string booleans are understood")
    func entraDeactivation() throws {
        #expect(try !patched(#"{"op":"Replace","path":"active","value":"False"}"#).active)
    }

    @Test("Okta's deactivation without a path is understood")
    func oktaDeactivation() throws {
        #expect(try !patched(#"{"op":"replace","value":{"active":false}}"#).active)
    }

    @Test("a filtered path changes the matching element and keeps the others")
    func filteredReplace() throws {
        let user = try patched(
            #"{"op":"replace","path":"emails[type eq \"work\"].value","value":"n@example.com"}"#)
        #expect(user.emails.map(\.value) == ["n@example.com", "h@example.com"])
        #expect(user.emails[0].primary)
    }

    @Test("a filtered path without a match creates the element")
    func createOnMiss() throws {
        let user = try patched(
            #"{"op":"Add","path":"emails[type eq \"other\"].value","value":"o@example.com"}"#)
        #expect(user.emails.count == 3)
        #expect(user.emails[2] == .init(value: "o@example.com", type: "other"))
    }

    @Test("names with dots in a value object are paths")
    func dottedNames() throws {
        let user = try patched(
            #"{"op":"Add","value":{"name.givenName":"Bea","displayName":"Bea J"}}"#)
        #expect(user.name.givenName == "Bea")
        #expect(user.name.familyName == "Jensen")
        #expect(user.displayName == "Bea J")
    }

    @Test("the enterprise extension is reached by URN, alone or with an attribute")
    func enterprise() throws {
        let urn = SCIMSchema.enterprise
        let one = try patched(
            "{\"op\":\"Add\",\"path\":\"\(urn):department\",\"value\":\"Sales\"}")
        #expect(one.enterprise.department == "Sales")
        let two = try patched(
            "{\"op\":\"add\",\"value\":{\"\(urn)\":{\"costCenter\":\"42\",\"manager\":\"9\"}}}")
        #expect(two.enterprise.costCenter == "42")
        #expect(two.enterprise.managerID == "9")
    }

    @Test("a new primary takes it from the old one")
    func onePrimary() throws {
        let user = try patched(
            #"{"op":"add","path":"emails","value":[{"value":"p@example.com","primary":true}]}"#)
        #expect(user.emails.filter(\.primary).map(\.value) == ["p@example.com"])
        #expect(user.emails.count == 3)
    }

    @Test("removing by filter removes the matching elements only")
    func removeByFilter() throws {
        let user = try patched(#"{"op":"remove","path":"emails[type eq \"home\"]"}"#)
        #expect(user.emails.map(\.value) == ["w@example.com"])
    }

    @Test("all operations apply or none")
    func atomic() throws {
        let before = try user()
        #expect(throws: SCIMError.self) {
            try patched(
                #"{"op":"replace","path":"title","value":"x"},{"op":"remove","path":"nope"}"#)
        }
        #expect(try user() == before)
    }
}

@Suite("SCIM PATCH of groups")
struct GroupPatchTests {
    private func changes(_ operations: String) throws -> [GroupChange] {
        let body = try SCIMValue.parse(Data("{\"Operations\":[\(operations)]}".utf8))
        return try GroupChange.changes(from: PatchOperation.parse(body))
    }

    @Test("members are added, removed by filter, by value and all")
    func members() throws {
        #expect(
            try changes(#"{"op":"Add","path":"members","value":[{"value":"1"},{"value":"2"}]}"#)
                == [.addMembers(["1", "2"])])
        #expect(
            try changes(#"{"op":"remove","path":"members[value eq \"1\"]"}"#)
                == [.removeMembers(["1"])])
        #expect(
            try changes(#"{"op":"Remove","path":"members","value":[{"value":"2"}]}"#)
                == [.removeMembers(["2"])])
        #expect(try changes(#"{"op":"remove","path":"members"}"#) == [.replaceMembers([])])
        #expect(
            try changes(#"{"op":"replace","path":"members","value":[]}"#) == [.replaceMembers([])])
    }

    @Test("adding never removes, however many members are added")
    func manyMembers() throws {
        let ids = (0..<250).map { "u\($0)" }
        let list = ids.map { "{\"value\":\"\($0)\"}" }.joined(separator: ",")
        #expect(
            try changes("{\"op\":\"add\",\"path\":\"members\",\"value\":[\(list)]}")
                == [.addMembers(ids)])
    }

    @Test("Okta's rename without a path is understood, its id passed over")
    func oktaRename() throws {
        #expect(
            try changes(#"{"op":"replace","value":{"id":"9","displayName":"New"}}"#)
                == [.setDisplayName("New")])
    }

    @Test("what a group does not have is refused")
    func refusals() {
        #expect(throws: SCIMError.self) {
            try changes(#"{"op":"replace","path":"title","value":"x"}"#)
        }
        #expect(throws: SCIMError.self) { try changes(#"{"op":"remove","path":"displayName"}"#) }
        #expect(throws: SCIMError.self) {
            try changes(#"{"op":"remove","path":"members[display eq \"x\"]"}"#)
        }
        #expect(throws: SCIMError.self) {
            try changes(#"{"op":"add","path":"members","value":[{"display":"x"}]}"#)
        }
    }
}
