import Foundation
import Testing

@testable import CoordinatorService

@Suite("JSON of the trail")
struct JSONObjectTests {
    private func isObject(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { JSONGrammar.isObject($0) }
    }

    @Test(
        "what is not one JSON object is not taken for one",
        arguments: [
            "", "x", "[]", "{", "}", "{}{}", "{} x", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "{a:1}",
            #"{"a":01}"#, #"{"a":1.}"#, #"{"a":.5}"#, #"{"a":1e}"#, #"{"a":-}"#, #"{"a":tru}"#,
            #"{"a":"\x"}"#, #"{"a":"\u12g4"}"#, "{\"a\":\"line\nend\"}", #"{"a":"b}"#,
            #"{"a":[1,]}"#, #"{"a":[1 2]}"#, #"{"a":{"b":1}"#, #"{"a":NaN}"#, " {}",
            #"{"a":"# + String(repeating: "[", count: 100_000),
        ])
    func refused(_ text: String) { #expect(!isObject(text)) }

    @Test(
        "objects are known as such",
        arguments: [
            "{}", "{ }", #"{"a":1}"#, #"{"a":-0.5e+10,"b":[true,false,null,"x",{}]}"#,
            #"{"a":"\"\\\/\b\f\n\r\t\u00e4ä🧭"}"#, "{\n \"a\" : [ 1 , 2 ] \n}\n", #"{"":{"":[]}}"#,
        ])
    func accepted(_ text: String) throws {
        #expect(isObject(text))
        #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(text.utf8)) }
    }

    @Test("whatever it is given, the result is one line that holds it")
    func oneLine() throws {
        let texts = [
            "plain", "quote \" back \\ slash", "line\nend\r\u{0}\u{1f}\u{7f}", "\u{2028}\u{2029}",
            "ä€🧭\u{e2}", "",
        ]
        var object = JSONObject(capacity: 16)
        object.add("texts") { nested in
            for text in texts { nested.add("t", text) }
        }
        object.add("list", objects: texts) { $0.add("text", $1) }
        object.add("given", json: "{\"a\":\n[1,\n2]}")
        object.add("broken", json: "{\"a\":")
        object.add("none", json: "")
        object.add("flag", true)
        let line = object.text
        #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{2028}" })
        let read = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        let list = try #require(read?["list"] as? [[String: String]])
        #expect(list.map { $0["text"] } == texts)
        #expect((read?["given"] as? [String: [Int]])?["a"] == [1, 2])
        #expect(read?["broken"] as? String == "{\"a\":")
        #expect(read?["none"] is NSNull)
        #expect(read?["flag"] as? Bool == true)
    }
}
