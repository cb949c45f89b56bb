import Cryptography
import Testing

@Suite("AES key wrap with padding")
struct PaddedKeyWrapTests {
    static let vectors = [
        (
            "c37b7e6492584340bed12207808941155068f738",
            "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"
        ),
        ("466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
    ]

    @Test("the examples of RFC 5649 wrap and unwrap", arguments: vectors)
    func published(plain: String, wrapped: String) throws {
        let key = try SecretBytes(copying: hex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"))
        let secret = try SecretBytes(copying: hex(plain))
        #expect(try PaddedKeyWrap.wrap(secret, under: key) == hex(wrapped))
        #expect(try PaddedKeyWrap.unwrap(hex(wrapped), under: key).equals(secret))
    }

    @Test("anything altered, of another length or under another key is refused")
    func refusals() throws {
        let key = try Random.secret(32)
        let secret = try Random.secret(32)
        let wrapped = try PaddedKeyWrap.wrap(secret, under: key)
        #expect(wrapped.count == 40)
        for position in wrapped.indices {
            var altered = wrapped
            altered[position] ^= 1
            #expect(throws: CryptographyError.self) {
                try PaddedKeyWrap.unwrap(altered, under: key)
            }
        }
        for bad in [[], [1, 2, 3], Array(wrapped.dropLast())] as [[UInt8]] {
            #expect(throws: CryptographyError.self) { try PaddedKeyWrap.unwrap(bad, under: key) }
        }
        let other = try Random.secret(32)
        #expect(throws: CryptographyError.self) { try PaddedKeyWrap.unwrap(wrapped, under: other) }
        let short = try Random.secret(20)
        #expect(throws: CryptographyError.self) { try PaddedKeyWrap.unwrap(wrapped, under: short) }
    }
}
