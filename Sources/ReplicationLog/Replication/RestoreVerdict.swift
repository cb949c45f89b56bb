package import Contracts
import Foundation

/// Whether a Region that was restored from a backup may write again.
package enum RestoreVerdict: Equatable, Sendable {
    /// No other Region has seen more than it holds, and what they have is equal.
    case proved
    /// Something still has to come, or these Regions have not answered: ask again.
    case waiting(String)
    /// Another Region has seen more, and this one, as the primary, cannot get it from there.
    case behind(region: String, stream: StreamName)
    /// Another Region holds something else at the same position.
    case differs(region: String, stream: StreamName, domains: [String])

    /// Judges by the digests of the other members; nil for one that did not answer.
    package static func of(
        _ state: LogState, others: [String: [LogDomainDigest]?]
    ) -> RestoreVerdict {
        guard let identity = state.identity else { return .waiting("The Region holds no log.") }
        return identity.isPrimary
            ? primary(state, others) : replica(state, others[identity.primaryRegion] ?? nil)
    }

    /// What the primary writes, nobody else could give back: all have to be asked.
    private static func primary(
        _ state: LogState, _ others: [String: [LogDomainDigest]?]
    ) -> RestoreVerdict {
        let silent = others.filter { $0.value == nil }.keys.sorted()
        for (region, digests) in others.sorted(by: { $0.key < $1.key }) {
            guard let digests else { continue }
            for stream in [StreamName.control, .regional(state.region)] {
                let theirs = digests.filter { $0.stream == stream.text }
                guard let position = theirs.first?.sequence else { continue }
                if position > state.position(of: stream).sequence {
                    return .behind(region: region, stream: stream)
                }
                if let domains = DigestComparison.differing(
                    stream, ours: state.digests, theirs: theirs), !domains.isEmpty
                {
                    return .differs(region: region, stream: stream, domains: domains)
                }
            }
        }
        guard silent.isEmpty else {
            return .waiting("\(silent.joined(separator: ", ")) cannot be asked.")
        }
        return .proved
    }

    /// A replica catches up from the primary; its own stream comes back from there first.
    private static func replica(
        _ state: LogState, _ digests: [LogDomainDigest]?
    ) -> RestoreVerdict {
        guard state.identity?.mayWriteOwnStream ?? false else {
            return .waiting("The Region's own stream has not come back from the primary yet.")
        }
        guard let digests else { return .waiting("The primary cannot be asked.") }
        guard
            let domains = DigestComparison.differing(
                .control, ours: state.digests, theirs: digests)
        else { return .waiting("The Region has not caught up with the primary yet.") }
        guard domains.isEmpty else {
            return .differs(
                region: state.identity?.primaryRegion ?? "", stream: .control, domains: domains)
        }
        return .proved
    }
}
