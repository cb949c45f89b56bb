import Foundation
import Testing

@testable import SCIM

@Suite("SCIM filters")
struct FilterTests {
    private func resource() throws -> SCIMObject {
        let json = """
            {"id":"2819c223","externalId":"Ext-7","userName":"Bjensen@example.com",
             "name":{"familyName":"Jensen","givenName":"Barbara"},"active":true,
             "emails":[{"value":"b@work.example","type":"work","primary":true},
                       {"value":"b@home.example","type":"home"}],
             "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Tours"}}
            """
        return try #require(try SCIMValue.parse(Data(json.utf8)).object)
    }

    @Test(
        "a filter that does not parse is refused as invalidFilter",
        arguments: [
            "", "userName", "userName eq", "userName eq bjensen", "eq \"x\"", "userName is \"x\"",
            "(userName eq \"x\"", "userName eq \"x\")", "userName eq \"x",
            "emails[type eq \"work\"",
            "userName eq \"x\" and", "not userName eq \"x\"", "a.b.c eq \"x\"", "userName eq 'x'",
            "emails[type eq \"work\"] eq \"b@work.example\"", "userName eq \"x\" userName pr",
        ])
    func malformed(text: String) {
        #expect {
            try FilterParser.parse(text)
        } throws: { ($0 as? SCIMError)?.kind == .invalidFilter }
    }

    @Test("nesting and length are bounded")
    func bounded() {
        let deep = String(repeating: "(", count: 40) + "a pr" + String(repeating: ")", count: 40)
        #expect(throws: SCIMError.self) { try FilterParser.parse(deep) }
        let long = "userName eq \"" + String(repeating: "x", count: 5_000) + "\""
        #expect(throws: SCIMError.self) { try FilterParser.parse(long) }
    }

    @Test(
        "a matching filter matches",
        arguments: [
            "userName eq \"bjensen@EXAMPLE.com\"", "USERNAME Eq \"bjensen@example.com\"",
            "userName  eq   \"bjensen@example.com\"", "name.familyName co \"ens\"",
            "userName sw \"bj\"", "userName ew \".com\"", "title ne \"x\"", "emails pr",
            "active eq true", "active eq \"True\"", "emails.type eq \"home\"",
            "emails eq \"b@home.example\"", "emails[type eq \"work\" and value co \"work\"]",
            "emails[type eq \"work\"].value eq \"b@work.example\"",
            "urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"b\"",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"tours\"",
            "not (userName eq \"x\") and (title pr or active eq true)", "title eq null",
        ])
    func matching(text: String) throws {
        #expect(try FilterParser.parse(text).matches(resource()))
    }

    @Test(
        "a filter that does not match does not",
        arguments: [
            "userName eq \"x\"", "externalId eq \"ext-7\"", "title pr", "active eq false",
            "emails[type eq \"home\" and value co \"work\"]", "userName ne \"bjensen@example.com\"",
            "userName pr and title pr", "name.honorificPrefix pr",
        ])
    func notMatching(text: String) throws {
        #expect(try !FilterParser.parse(text).matches(resource()))
    }

    @Test("and binds closer than or")
    func precedence() throws {
        let filter = try FilterParser.parse("a pr or b pr and c pr")
        let b = SCIMFilter.present(AttributeName(name: "b"))
        let c = SCIMFilter.present(AttributeName(name: "c"))
        #expect(filter == .or(.present(AttributeName(name: "a")), .and(b, c)))
    }
}
