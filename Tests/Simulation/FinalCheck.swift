import Contracts
import Foundation
import ReplicationLog

/// What has to hold when everything has been mended and has come to rest.
struct FinalCheck {
    let world: World

    func run() {
        let regions = world.orderedRegions
        for region in regions where !region.isUp {
            world.history.violation("\(region.name) does not run at the end")
        }
        guard let first = regions.first?.log else { return }
        for region in regions.dropFirst() {
            guard let log = region.log else { continue }
            converged(region.name, log, regions[0].name, first)
        }
        for region in regions {
            guard let log = region.log else { continue }
            stored(region.name, log)
            acknowledged(region.name, log)
        }
    }

    private func converged(
        _ name: String, _ log: MemoryLog, _ otherName: String, _ other: MemoryLog
    ) {
        if log.state.heads != other.state.heads {
            let texts = [log, other].map { log in
                log.state.heads.map { "\($0.stream) \($0.epoch)/\($0.sequence)" }
                    .joined(separator: ", ")
            }
            world.history.violation(
                "convergence: \(name) stands at \(texts[0]), \(otherName) at \(texts[1])")
        }
        for stream in log.state.streams.keys {
            let differing = DigestComparison.differing(
                stream, ours: log.state.digests, theirs: other.state.digests)
            if let differing, !differing.isEmpty {
                world.history.violation(
                    "convergence: \(name) and \(otherName) differ in \(stream) \(differing)")
            }
        }
    }

    /// The digests are those of what is really stored, and all of that is intact.
    private func stored(_ name: String, _ log: MemoryLog) {
        for (stream, state) in log.state.streams {
            let rows = log.store.entries[state.id] ?? []
            for (domainName, domain) in state.domains {
                var digest = DomainDigest()
                for (_, id) in log.store.newest[domain.id] ?? [:] {
                    guard let index = rows.firstIndex(where: { $0.id == id }) else {
                        world.history.violation("convergence: \(name) lacks a newest entry")
                        continue
                    }
                    digest.insert(rows[index].entry)
                }
                if digest != domain.digest {
                    world.history.violation(
                        "convergence: what \(name) stores of \(stream) \(domainName) is not what "
                            + "its digest says")
                }
            }
            if rows.contains(where: { !$0.entry.isIntact }) {
                world.history.violation("convergence: \(name) holds a damaged entry of \(stream)")
            }
        }
    }

    /// Every acknowledged write is there, or something newer of its key, or it was reported lost.
    private func acknowledged(_ name: String, _ log: MemoryLog) {
        for write in world.history.acknowledged {
            let position = write.outcome.position
            if world.isGone(position, log) {
                // A deletion that was no longer remembered cannot be reported either.
                if !world.history.isReportedLost(
                    write.stream, position.epoch, write.sequence, key: write.key),
                    !world.history.isDeleted(write.key, in: write.stream, from: write.sequence)
                {
                    world.history.violation(
                        "acknowledged: \(write.stream) \(position.epoch)/\(write.sequence) is "
                            + "gone and nobody was told")
                }
                continue
            }
            guard let stream = log.state.streams[write.stream], stream.head >= write.sequence
            else {
                world.history.violation(
                    "acknowledged: \(name) lacks \(write.stream) \(position.epoch)/"
                        + "\(write.sequence)")
                continue
            }
            if !isThere(write, stream, log) {
                world.history.violation(
                    "acknowledged: \(name) lacks version \(write.version) of \(write.key) at "
                        + "\(write.stream) \(position.epoch)/\(write.sequence)")
            }
        }
        for (request, answers) in world.history.repeated.sorted(by: { $0.key < $1.key }) {
            let (first, second) = (answers.first, answers.second)
            // What a forced promotion left behind may be asked for again, or have been before.
            if world.isGone(first.outcome.position, log) { continue }
            if world.isGone(second.outcome.position, log) { continue }
            world.history.violation(
                "a request was carried out twice: \(request), at "
                    + "\(first.outcome.position.epoch)/\(first.sequence) and "
                    + "\(second.outcome.position.epoch)/\(second.sequence) of \(first.stream)")
        }
    }

    private func isThere(
        _ write: History.Acknowledged, _ stream: StreamState, _ log: MemoryLog
    ) -> Bool {
        let ids = stream.domains.values.compactMap { log.store.newest[$0.id]?[write.key] }
        guard let newest = ids.compactMap({ log.store.row($0)?.entry }).first else {
            // A deletion that is no longer remembered.
            return world.history.isDeleted(
                write.key, in: write.stream, from: write.sequence)
        }
        if newest.sequence == write.sequence { return newest.value == write.value }
        return newest.sequence > write.sequence
    }
}
