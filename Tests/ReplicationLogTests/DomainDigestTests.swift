import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf
import Testing

@Suite("Domain digest")
struct DomainDigestTests {
    private func entry(_ key: String, _ value: String, version: UInt64 = 1) -> LogEntry {
        .with {
            $0.stream = "control"
            $0.domain = "directory"
            $0.key = key
            $0.version = version
            $0.value = Data(value.utf8)
        }
    }

    @Test("the order of changes does not matter")
    func orderFree() {
        var one = DomainDigest()
        var other = DomainDigest()
        let entries = (0..<50).map { entry("k\($0)", "v\($0)") }
        for entry in entries { one.insert(entry) }
        for entry in entries.shuffled() { other.insert(entry) }
        #expect(one == other)
        #expect(one.liveKeys == 50)
    }

    @Test("what was put in and taken out leaves no trace")
    func inverse() {
        var digest = DomainDigest()
        digest.insert(entry("a", "1"))
        let before = digest
        digest.insert(entry("b", "2"))
        digest.remove(entry("b", "2"))
        #expect(digest == before)
        digest.remove(entry("a", "1"))
        #expect(digest == DomainDigest())
    }

    @Test("another value, version or key gives another digest")
    func sensitive() {
        var base = DomainDigest()
        base.insert(entry("a", "1"))
        for changed in [entry("a", "2"), entry("a", "1", version: 2), entry("b", "1")] {
            var other = DomainDigest()
            other.insert(changed)
            #expect(other != base)
        }
    }

    @Test("fields are kept apart: moving a byte between key and value shows")
    func framing() {
        var one = DomainDigest()
        var other = DomainDigest()
        one.insert(entry("ab", "c"))
        other.insert(entry("a", "bc"))
        #expect(one != other)
    }

    @Test("bytes give the digest back; anything but 32 bytes is refused")
    func coding() {
        var digest = DomainDigest()
        digest.insert(entry("a", "1"))
        #expect(DomainDigest(bytes: digest.bytes, liveKeys: 1) == digest)
        #expect(DomainDigest(bytes: Data(count: 31), liveKeys: 1) == nil)
    }
}
