package import Contracts
package import Foundation

/// The state of one domain as an order-free sum over its live keys.
///
/// Four lanes, each the sum modulo 2^64 of that lane (little-endian) of SHA-256 over stream,
/// domain, key, version and value of every live entry. Equal states give equal digests whatever
/// the order of changes and whether the log has been compacted.
package struct DomainDigest: Hashable, Sendable {
    package private(set) var lanes: SIMD4<UInt64>
    package private(set) var liveKeys: UInt64

    package init() {
        lanes = SIMD4()
        liveKeys = 0
    }

    /// Reads what `bytes` gave; nil unless it is 32 bytes.
    package init?(bytes: Data, liveKeys: UInt64) {
        guard bytes.count == 32 else { return nil }
        var lanes = SIMD4<UInt64>()
        bytes.withUnsafeBytes { raw in
            for lane in 0..<4 {
                lanes[lane] = UInt64(
                    littleEndian: raw.loadUnaligned(fromByteOffset: lane * 8, as: UInt64.self))
            }
        }
        self.lanes = lanes
        self.liveKeys = liveKeys
    }

    /// 32 bytes: four little-endian lanes.
    package var bytes: Data {
        var data = Data(capacity: 32)
        for lane in 0..<4 {
            withUnsafeBytes(of: lanes[lane].littleEndian) { data.append(contentsOf: $0) }
        }
        return data
    }

    /// Takes account of an entry that became the newest of its key.
    package mutating func insert(_ entry: LogEntry) {
        guard !entry.tombstone else { return }
        lanes &+= Self.lanes(of: entry)
        liveKeys += 1
    }

    /// Takes back an entry that is no longer the newest of its key.
    package mutating func remove(_ entry: LogEntry) {
        guard !entry.tombstone else { return }
        lanes &-= Self.lanes(of: entry)
        liveKeys -= 1
    }

    private static func lanes(of entry: LogEntry) -> SIMD4<UInt64> {
        var hasher = FieldHasher(capacity: 64 + entry.key.utf8.count + entry.value.count)
        hasher.add(entry.stream)
        hasher.add(entry.domain)
        hasher.add(entry.key)
        hasher.add(entry.version)
        hasher.add(entry.value)
        return hasher.lanes(bigEndian: false)
    }
}
