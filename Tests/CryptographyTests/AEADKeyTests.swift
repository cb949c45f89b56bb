import Cryptography
import Testing

@Suite("AES-256-GCM")
struct AEADKeyTests {
    // The GCM specification's test cases 13 to 16 (McGrew and Viega), used by NIST.
    struct Vector: Sendable {
        var key: String
        var nonce: String
        var plaintext: String
        var associatedData: String
        var ciphertext: String
        var tag: String
    }

    static let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
    static let text = """
        d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b5\
        25b16aedf5aa0de657ba637b391aafd255
        """
    static let sealed = """
        522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838\
        c5f61e6393ba7a0abcc9f662898015ad
        """
    static let vectors = [
        Vector(
            key: String(repeating: "0", count: 64), nonce: String(repeating: "0", count: 24),
            plaintext: "", associatedData: "", ciphertext: "",
            tag: "530f8afbc74536b9a963b4f1c4cb738b"),
        Vector(
            key: String(repeating: "0", count: 64), nonce: String(repeating: "0", count: 24),
            plaintext: String(repeating: "0", count: 32), associatedData: "",
            ciphertext: "cea7403d4d606b6e074ec5d3baf39d18", tag: "d0d1c8a799996bf0265b98b5d48ab919"),
        Vector(
            key: key, nonce: "cafebabefacedbaddecaf888", plaintext: text, associatedData: "",
            ciphertext: sealed, tag: "b094dac5d93471bdec1a502270e3cc6c"),
        Vector(
            key: key, nonce: "cafebabefacedbaddecaf888", plaintext: String(text.prefix(120)),
            associatedData: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            ciphertext: String(sealed.prefix(120)), tag: "76fc6ece0f4e1768cddf8853bb2d551b"),
    ]

    @Test("the GCM specification's vectors seal and open", arguments: vectors)
    func sealAndOpen(_ vector: Vector) throws {
        let key = try AEADKey(SecretBytes(copying: hex(vector.key)))
        let expected = hex(vector.ciphertext) + hex(vector.tag)
        let plaintext = hex(vector.plaintext)
        var sealed = [UInt8](repeating: 0, count: plaintext.count + 16)
        var opened = [UInt8](repeating: 0, count: plaintext.count)
        let nonce = hex(vector.nonce)
        let associatedData = hex(vector.associatedData)
        try nonce.withUnsafeBytes { nonce in
            try associatedData.withUnsafeBytes { associatedData in
                try plaintext.withUnsafeBytes { plaintext in
                    try sealed.withUnsafeMutableBytes {
                        try key.seal(
                            plaintext, nonce: nonce, authenticating: associatedData, into: $0)
                    }
                }
                try sealed.withUnsafeBytes { sealed in
                    try opened.withUnsafeMutableBytes {
                        try key.open(sealed, nonce: nonce, authenticating: associatedData, into: $0)
                    }
                }
            }
        }
        #expect(sealed == expected)
        #expect(opened == plaintext)
    }

    @Test("a key that is not 32 bytes long is refused", arguments: [1, 16, 24, 31, 33, 64])
    func wrongKeySize(count: Int) throws {
        let secret = try Random.secret(count)
        #expect(throws: CryptographyError.self) { try AEADKey(secret) }
    }

    @Test("any altered bit, other associated data and another key are refused")
    func alterationsAreRefused() throws {
        let key = try AEADKey(Random.secret(32))
        let sealed = try key.seal(Array("payload".utf8), authenticating: Array("context".utf8))
        for position in sealed.indices {
            var altered = sealed
            altered[position] ^= 0x10
            let error = #expect(throws: CryptographyError.self) {
                try key.open(altered, authenticating: Array("context".utf8))
            }
            #expect(error?.code == .authenticationFailed)
        }
        #expect(throws: CryptographyError.self) {
            try key.open(sealed, authenticating: Array("contexT".utf8))
        }
        let other = try AEADKey(Random.secret(32))
        #expect(throws: CryptographyError.self) {
            try other.open(sealed, authenticating: Array("context".utf8))
        }
        // Refusals leave the key usable.
        #expect(
            try key.open(sealed, authenticating: Array("context".utf8)) == Array("payload".utf8))
    }

    @Test("input that is too short to hold nonce and tag is refused", arguments: [0, 1, 12, 27])
    func shortInput(count: Int) throws {
        let key = try AEADKey(Random.secret(32))
        let error = #expect(throws: CryptographyError.self) {
            try key.open([UInt8](repeating: 7, count: count), authenticating: [UInt8]())
        }
        #expect(error?.code == .invalidInput)
    }

    @Test("the output of a failed opening holds no plaintext")
    func failedOpeningLeavesNothing() throws {
        let key = try AEADKey(Random.secret(32))
        var sealed = try key.seal([UInt8](repeating: 0x41, count: 64), authenticating: [UInt8]())
        sealed[sealed.count - 1] ^= 1
        var output = [UInt8](repeating: 0xEE, count: 64)
        sealed.withUnsafeBytes { sealed in
            output.withUnsafeMutableBytes { output in
                _ = #expect(throws: CryptographyError.self) {
                    try key.open(
                        UnsafeRawBufferPointer(rebasing: sealed[12...]),
                        nonce: UnsafeRawBufferPointer(rebasing: sealed[..<12]),
                        authenticating: UnsafeRawBufferPointer(start: nil, count: 0), into: output)
                }
            }
        }
        #expect(output == [UInt8](repeating: 0, count: 64))
    }

    @Test("two seals of the same text differ, and many threads share one key")
    func concurrentUse() async throws {
        let key = try AEADKey(Random.secret(32))
        let distinct = try await withThrowingTaskGroup(of: Set<[UInt8]>.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    var seen = Set<[UInt8]>()
                    for round in 0..<200 {
                        let text = Array("\(worker)/\(round % 2)".utf8)
                        let sealed = try key.seal(text, authenticating: Array("a".utf8))
                        let opened = try key.open(sealed, authenticating: Array("a".utf8))
                        #expect(opened == text)
                        seen.insert(sealed)
                    }
                    return seen
                }
            }
            return try await group.reduce(into: Set()) { $0.formUnion($1) }
        }
        #expect(distinct.count == 1600)
    }
}

@Suite("Key wrap")
struct KeyWrapTests {
    @Test("a wrapped secret unwraps in its own context only")
    func context() throws {
        let key = try AEADKey(Random.secret(32))
        let secret = try Random.secret(48)
        let wrapped = try KeyWrap.wrap(secret, under: key, context: [1, 2, 3])
        let unwrapped = try KeyWrap.unwrap(wrapped, under: key, context: [1, 2, 3])
        #expect(unwrapped.equals(secret))
        #expect(throws: CryptographyError.self) {
            try KeyWrap.unwrap(wrapped, under: key, context: [1, 2])
        }
        #expect(throws: CryptographyError.self) {
            try KeyWrap.unwrap(Array(wrapped.dropLast()), under: key, context: [1, 2, 3])
        }
    }
}
