import Crypto
package import Foundation

/// The hash chain of a trail: each hash is SHA-256 over the previous one, the sequence as 8 bytes
/// big-endian and the CloudTrail JSON. The first event follows 32 zero bytes.
package struct TrailChain: Sendable, Hashable {
    package private(set) var sequence: UInt64
    package private(set) var hash: Data

    /// The chain before its first event.
    package init() {
        sequence = 0
        hash = Data(count: 32)
    }

    /// A chain that stands at a recorded event.
    package init(sequence: UInt64, hash: Data) {
        self.sequence = sequence
        self.hash = hash
    }

    /// Takes in the next event.
    package mutating func append(_ cloudTrailJSON: String) {
        var hasher = SHA256()
        hasher.update(data: hash)
        sequence += 1
        withUnsafeBytes(of: sequence.bigEndian) { hasher.update(bufferPointer: $0) }
        var json = cloudTrailJSON
        json.withUTF8 { hasher.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        hash = Data(hasher.finalize())
    }
}

/// Walks a recorded chain and says where it breaks.
package struct TrailChainVerifier {
    private var chain = TrailChain()
    private var events: UInt64 = 0
    private var broken: UInt64?
    private var explanation = "The chain is intact."
    /// Where the chain has to have stood, the last first.
    private var checkpoints: [TrailChain]

    /// - Parameter checkpoints: where the chain has to have stood, in any order.
    package init(checkpoints: [TrailChain] = []) {
        self.checkpoints = checkpoints.sorted { $0.sequence > $1.sequence }
    }

    package var isBroken: Bool { broken != nil }

    /// Checks the event that comes next in storage.
    package mutating func check(sequence: UInt64, cloudTrailJSON: String, hash: Data) {
        guard broken == nil else { return }
        let expected = chain.sequence + 1
        guard sequence == expected else {
            broken = expected
            explanation = "Event \(expected) is missing: \(sequence) follows \(expected - 1)."
            return
        }
        chain.append(cloudTrailJSON)
        guard chain.hash == hash else {
            broken = sequence
            explanation = "Event \(sequence) or its hash has been altered after it was recorded."
            return
        }
        events += 1
        checkPast()
    }

    /// An attacker who can write the database can make a chain anew that is whole in itself, but not
    /// one with the hashes that other Regions have taken down.
    private mutating func checkPast() {
        while let next = checkpoints.last, next.sequence <= chain.sequence {
            checkpoints.removeLast()
            guard next.sequence == chain.sequence, next.hash != chain.hash else { continue }
            broken = chain.sequence
            explanation =
                "Event \(chain.sequence) or one before it is not what was there when a checkpoint "
                + "was signed at it."
            return
        }
    }

    /// What was found. `head` is where the log believes its trail ends, so that a cut-off end shows.
    package func verdict(head: TrailChain) -> TrailVerdict {
        var broken = broken
        var explanation = explanation
        if broken == nil, chain != head {
            broken = chain.sequence + 1
            explanation =
                "The trail ends after event \(chain.sequence), but \(head.sequence) were recorded."
        }
        if broken == nil, let beyond = checkpoints.first {
            broken = chain.sequence + 1
            explanation =
                "The trail ends after event \(chain.sequence), but a checkpoint was signed at event "
                + "\(beyond.sequence)."
        }
        return TrailVerdict(
            events: events, firstBrokenSequence: broken, headHash: chain.hash,
            explanation: explanation)
    }
}
