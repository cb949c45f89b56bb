import Foundation
import HTTPTypes
import Hummingbird
import Testing

@testable import PortalService

@Suite("Signature Version 4")
struct SignatureTests {
    /// A case of AWS' published test suite: what is signed and the signature that comes of it.
    struct Published: Sendable, CustomTestStringConvertible {
        let name: String
        var method = "GET"
        var query = ""
        var headers: [String: [String]] = [:]
        var body = ""
        let signature: String

        var testDescription: String { name }
    }

    static let published = [
        Published(
            name: "get-vanilla",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        Published(
            name: "post-vanilla", method: "POST",
            signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        Published(
            name: "get-vanilla-query-order-key-case", query: "Param2=value2&Param1=value1",
            signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        Published(
            name: "get-vanilla-query-order-value", query: "Param1=value2&Param1=value1",
            signature: "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"),
        Published(
            name: "get-header-key-duplicate",
            headers: ["my-header1": ["value2", "value2", "value1"]],
            signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
        Published(
            name: "get-header-value-trim",
            headers: ["my-header1": [" value1"], "my-header2": [#" "a   b   c""#]],
            signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
        Published(
            name: "post-header-key-sort", method: "POST", headers: ["my-header1": ["value1"]],
            signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
        Published(
            name: "post-x-www-form-urlencoded", method: "POST",
            headers: ["content-type": ["application/x-www-form-urlencoded"]], body: "Param1=value1",
            signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ]

    @Test("signatures are those of the published test suite", arguments: published)
    func suite(_ example: Published) {
        var headers = example.headers
        headers["host"] = ["example.amazonaws.com"]
        headers["x-amz-date"] = ["20150830T123600Z"]
        let canonical = CanonicalRequest(
            method: example.method, path: "/", query: example.query, headers: headers,
            bodyHash: hexHash(example.body))
        let signature = SigningScope(day: "20150830", region: "us-east-1", service: "service")
            .signature(
                of: canonical, date: "20150830T123600Z",
                secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        #expect(
            signature.map { String(Int($0) + 256, radix: 16).suffix(2) }.joined()
                == example.signature)
    }

    static let scope = "20150830/us-east-1/service/aws4_request"
    static let zeros = String(repeating: "0", count: 64)

    @Test(
        "what is not a whole signature is incomplete",
        arguments: [
            "Bearer x", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential=A/\(scope)",
            "AWS4-HMAC-SHA256 Credential=A/\(scope), SignedHeaders=host;x-amz-date, Signature=00",
            "AWS4-HMAC-SHA256 Credential=A/b/c, SignedHeaders=host;x-amz-date, "
                + "Signature=\(zeros)",
            "AWS4-HMAC-SHA256 Credential=A/\(scope), SignedHeaders=x-amz-date, Signature=\(zeros)",
            "AWS4-HMAC-SHA256 Credential=A/\(scope), SignedHeaders=host;host;x-amz-date, "
                + "Signature=\(zeros)",
            "AWS4-HMAC-SHA256 Credential=A/\(scope), Credential=B/\(scope), "
                + "SignedHeaders=host;x-amz-date, Signature=\(zeros)",
        ])
    func incomplete(_ authorization: String) {
        let refusal = #expect(throws: AdmissionRefusal.self) {
            try UnverifiedSignature(request(authorization))
        }
        guard case .incomplete = refusal else {
            Issue.record("\(String(describing: refusal)) for \(authorization)")
            return
        }
    }

    @Test("every header of AWS' own has to be signed")
    func unsignedHeader() throws {
        let authorization =
            "AWS4-HMAC-SHA256 Credential=A/\(Self.scope), "
            + "SignedHeaders=host;x-amz-date, Signature=\(Self.zeros)"
        _ = try UnverifiedSignature(request(authorization))
        #expect(throws: AdmissionRefusal.incomplete("The header x-amz-target is not signed.")) {
            try UnverifiedSignature(request(authorization, [.amazonTarget: "TrentService.Decrypt"]))
        }
    }

    @Test("a request without Authorization is not signed")
    func missing() {
        #expect(throws: AdmissionRefusal.missing) { try UnverifiedSignature(request(nil)) }
    }

    private func request(_ authorization: String?, _ more: HTTPFields = [:]) -> Request {
        var head = HTTPRequest(
            method: .post, scheme: "https", authority: "example.amazonaws.com", path: "/")
        head.headerFields = more
        head.headerFields[.amazonDate] = "20150830T123600Z"
        if let authorization { head.headerFields[.authorization] = authorization }
        return Request(head: head, body: .init(buffer: ByteBuffer()))
    }
}
