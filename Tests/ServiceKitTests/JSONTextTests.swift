import Foundation
import Testing

@testable import ServiceKit

@Suite("Parameters of events as JSON")
struct JSONTextTests {
    @Test("they read as what Foundation writes")
    func asFoundation() throws {
        let objects: [[String: any Sendable]] = [
            ["b": "1", "a": "2", "ab": "3", "10": "4"],
            ["text": "quote \" back \\ slash / tab \t line \n\r\u{8}\u{c}\u{1}\u{1f} ü \u{2028} 🧭"],
            ["flag": true, "other": false, "number": 1, "zero": 0, "negative": -7],
            ["list": ["a", "b\""], "empty": [String](), "object": ["k": "v"]],
            ["nested": ["x": ["y": "z"] as [String: any Sendable]] as [String: any Sendable]],
            ["mixed": [1, 2, 3], "date": 1.5],
        ]
        for object in objects {
            let data = try JSONSerialization.data(
                withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
            #expect(JSONText.text(object) == String(decoding: data, as: UTF8.self))
        }
    }

    @Test("nothing is written of an empty object, or of what JSON cannot say")
    func nothing() {
        #expect(JSONText.text([:]) == "")
        #expect(JSONText.text(["x": Date()]) == "")
    }
}
