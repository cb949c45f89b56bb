package import Contracts

extension LogEntry {
    /// First 8 bytes, big-endian, of SHA-256 over stream, sequence, epoch, commit, domain, key,
    /// version, tombstone, value and time, encoded as `FieldHasher` says.
    package var computedChecksum: UInt64 {
        var hasher = FieldHasher(capacity: 96 + key.utf8.count + value.count)
        hasher.add(stream)
        hasher.add(sequence)
        hasher.add(epoch)
        hasher.add(commit)
        hasher.add(domain)
        hasher.add(key)
        hasher.add(version)
        hasher.add(tombstone)
        hasher.add(value)
        hasher.add(UInt64(bitPattern: writtenAtUs))
        return hasher.lanes(bigEndian: true)[0]
    }

    /// Whether the entry is what its writer wrote.
    package var isIntact: Bool { checksum == computedChecksum }
}
