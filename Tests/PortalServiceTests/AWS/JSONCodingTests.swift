import Foundation
import Testing

@testable import PortalService

@Suite("JSON in AWS' form")
struct JSONCodingTests {
    struct Sample: Codable, Equatable {
        let keyId: String
        let blob: Data?
        let validTo: Date?
        let context: [String: String]?
        let entries: [Entry]?

        struct Entry: Codable, Equatable { let aliasName: String }
    }

    private func decode(_ text: String) throws -> Sample {
        try JSONCoding.decode(Sample.self, from: Data(text.utf8))
    }

    @Test(
        "what does not fit is named, and never repeated",
        arguments: [
            ("{", "SerializationException"), ("[]", "SerializationException"),
            (#"{"KeyId": 7}"#, "SerializationException"),
            (#"{"KeyId": "a", "Blob": "%%%"}"#, "SerializationException"),
            (#"{"KeyId": "a", "Entries": [{}]}"#, "ValidationException"),
            ("{}", "ValidationException"), ("", "ValidationException"),
            (#"{"KeyId": null}"#, "ValidationException"),
        ])
    func refused(text: String, type: String) {
        let error = #expect(throws: AWSError.self) { try decode(text) }
        #expect(error?.type == type)
        #expect(error?.message.contains("%%%") == false)
    }

    @Test("members are capitalised, names inside maps are left alone")
    func names() throws {
        let sample = Sample(
            keyId: "k", blob: Data([0, 255]), validTo: Date(timeIntervalSince1970: 1.5),
            context: ["aws:sso:Instance": "x", "lower": "y"], entries: [.init(aliasName: "a")])
        let text = String(decoding: try JSONCoding.encode(sample), as: UTF8.self)
        #expect(
            text == #"{"Blob":"AP8=","Context":{"aws:sso:Instance":"x","lower":"y"},"#
                + #""Entries":[{"AliasName":"a"}],"KeyId":"k","ValidTo":1.5}"#)
        #expect(try decode(text) == sample)
    }

    @Test("members that nobody knows are passed over")
    func unknown() throws {
        #expect(try decode(#"{"KeyId": "k", "Later": {"x": [1]}}"#).keyId == "k")
    }
}
