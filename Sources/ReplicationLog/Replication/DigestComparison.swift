package import Contracts
import Foundation

/// Compares a copy of a stream with its writer's.
package enum DigestComparison {
    /// Domains that differ; nil unless both speak of the same position.
    package static func differing(
        _ stream: StreamName, ours: [LogDomainDigest], theirs: [LogDomainDigest]
    ) -> [String]? {
        let theirs = theirs.filter { $0.stream == stream.text }
        let ours = ours.filter { $0.stream == stream.text }
        guard let position = theirs.first?.sequence, ours.first?.sequence == position else {
            return nil
        }
        let (here, there) = (sums(ours), sums(theirs))
        return Set(here.keys).union(there.keys).filter { here[$0] != there[$0] }.sorted()
    }

    /// Sums by domain. A domain whose keys are all gone may be unknown to a Region that came later.
    private static func sums(_ digests: [LogDomainDigest]) -> [String: Data] {
        digests.reduce(into: [:]) { if $1.liveKeys > 0 { $0[$1.domain] = $1.sum } }
    }
}
