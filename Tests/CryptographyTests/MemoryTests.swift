import Cryptography
import Foundation
import Testing

@Suite("Secrets in memory", .serialized)
struct MemoryTests {
    @Test("the heap takes a secret and gives its room back")
    func usage() throws {
        try SecureHeap.start()
        #expect(SecureHeap.status?.byteCount == SecureHeap.defaultByteCount)
        let secret = try Random.secret(1 << 16)
        #expect((SecureHeap.status?.usedByteCount ?? 0) >= 1 << 16)
        #expect(secret.count == 1 << 16)
    }

    // In a process of its own, since the heap is one per process and others use it meanwhile.
    @Test("a heap that is full is an error, not a crash, and serves again when there is room")
    func exhausted() async {
        await #expect(processExitsWith: .success) {
            try SecureHeap.start(byteCount: 1 << 16)
            var held: [SecretBytes] = []
            let error = #expect(throws: CryptographyError.self) {
                for _ in 0..<17 { held.append(try SecretBytes(count: 1 << 12) { _ in }) }
            }
            #expect(error?.code == .outOfSecureMemory)
            #expect(held.count >= 8)
            held.removeAll()
            #expect(throws: Never.self) { try SecretBytes(count: 1 << 12) { _ in } }
        }
    }

    @Test("core dumps can be switched off")
    func coreDumps() async {
        await #expect(processExitsWith: .success) {
            #expect(SecureHeap.disableCoreDumps())
            let limits = try String(contentsOfFile: "/proc/self/limits", encoding: .utf8)
            let line = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
            #expect(line?.split(separator: " ").dropFirst(4).prefix(2) == ["0", "0"])
        }
    }

    @Test("a heap of a size that OpenSSL cannot make is refused", arguments: [0, 1000, 1 << 15])
    func heapSizes(byteCount: Int) async {
        await #expect(processExitsWith: .success) { [byteCount] in
            let error = #expect(throws: CryptographyError.self) {
                try SecureHeap.start(byteCount: byteCount)
            }
            #expect(error?.code == .invalidInput)
        }
    }

    @Test("sizes outside 1 byte to 1 MiB are refused", arguments: [0, -1, (1 << 20) + 1])
    func sizes(count: Int) {
        #expect(throws: CryptographyError.self) { try SecretBytes(count: count) { _ in } }
    }

    @Test("fresh memory is zero and the source of a wiping copy is overwritten")
    func wiping() throws {
        let blank = try SecretBytes(count: 64) { _ in }
        #expect(blank.withUnsafeBytes { $0.allSatisfy { $0 == 0 } })
        var source: [UInt8] = [1, 2, 3]
        let secret = try SecretBytes(wiping: &source)
        #expect(source == [0, 0, 0])
        #expect(secret.withUnsafeBytes { Array($0) } == [1, 2, 3])
    }

    @Test("comparison in constant time agrees with equality")
    func comparison() {
        #expect(constantTimeEquals([], []))
        #expect(constantTimeEquals([1, 2], [1, 2]))
        #expect(!constantTimeEquals([1, 2], [1, 3]))
        #expect(!constantTimeEquals([1, 2], [1, 2, 3]))
    }

    @Test("random bytes have the asked length and do not repeat")
    func random() throws {
        #expect(try Random.bytes(0).isEmpty)
        #expect(try Random.bytes(32).count == 32)
        #expect(try Random.bytes(32) != Random.bytes(32))
    }

    @Test("errors describe the failure and nothing else")
    func errors() throws {
        let error = CryptographyError(.invalidKey, "an AES-256 key has 32 bytes")
        #expect("\(error)" == "invalidKey: an AES-256 key has 32 bytes")
    }

    @Test("a missing FIPS provider is a clear error and leaves everything else working")
    func fips() throws {
        guard !FIPSProvider.isInUse else { return }
        do {
            try FIPSProvider.use()
        } catch let error as CryptographyError {
            #expect(error.code == .providerUnavailable)
            #expect(error.message.contains("openssl fipsinstall"))
            #expect(!FIPSProvider.isInUse)
        }
        #expect(try SHA256.hash(Array("abc".utf8)).count == 32)
    }
}
