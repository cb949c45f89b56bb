import Contracts
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// Mends one entry that storage has spoiled.
///
/// An entry that a newer one has replaced is removed: nobody needs it. Any other one is asked of all
/// Regions, its writer first, and put back where it was. A copy of what its writer does not hold any
/// more is dropped and copied again.
struct StorageMend {
    enum Outcome: Equatable {
        /// Somebody else has mended it since it was found.
        case intact
        case passedOver
        case mended(from: String)
        case copiedAgain
        /// Nobody who could be asked holds it.
        case open

        var text: String {
            switch self {
            case .intact: "it is intact again"
            case .passedOver: "a newer entry had replaced it; it is removed"
            case .mended(let region): "put back as \(region) holds it"
            case .copiedAgain: "the stream is copied again"
            case .open: "no Region that answers holds it; it is asked for again"
            }
        }
    }

    let coordinator: Coordinator
    let place: EntryPlace

    func run() async throws -> Outcome {
        let held = try await coordinator.engine.entries(of: place.stream, at: [place.sequence])
        guard held.isEmpty else { return .intact }
        if try await coordinator.engine.passOver(place) { return .passedOver }
        let state = coordinator.engine.state
        let writer = state.gate.writer(of: place.stream)
        var peers = Set(coordinator.instance.regions.keys)
        if let primary = state.identity?.primaryRegion { peers.insert(primary) }
        peers.remove(coordinator.region)
        for peer in peers.sorted(by: { ($0 == writer ? 0 : 1, $0) < ($1 == writer ? 0 : 1, $1) }) {
            guard let answer = try? await ask(peer) else { continue }
            if let entry = answer.entries.first, try await isMended(by: entry) {
                return .mended(from: peer)
            }
            if peer == writer, answer.head.sequence >= place.sequence {
                try await coordinator.engine.drop(place.stream)
                return .copiedAgain
            }
        }
        return .open
    }

    private func ask(_ peer: String) async throws -> CoordinatorFetchEntriesResponse {
        try await coordinator.replication(in: peer).fetchEntries(
            .with {
                $0.logID = coordinator.engine.state.identity?.logID ?? ""
                $0.stream = place.stream.text
                $0.sequences = [place.sequence]
            }, options: CallOptions(timeout: coordinator.settings.timings.reignAnswerMax))
    }

    /// What is not the entry that was written here is refused by the log.
    private func isMended(by entry: LogEntry) async throws -> Bool {
        guard entry.stream == place.stream.text, entry.sequence == place.sequence else {
            return false
        }
        do {
            _ = try await coordinator.engine.mend([entry])
            return true
        } catch let error as LogError where error.code == .checksumMismatch {
            return false
        }
    }
}

extension Coordinator {
    /// Damaged entries that one call mends on its way; who finds more tries again.
    private static var mendsMax: Int { 16 }

    /// Runs `body`, again after what it found damaged has been mended.
    func mending<R>(_ body: () async throws -> R) async throws -> R {
        for _ in 0..<Self.mendsMax {
            do {
                return try await body()
            } catch let error as LogError where error.damaged != nil {
                guard await StorageGuard(coordinator: self).handle(error) else { throw error }
            }
        }
        return try await body()
    }
}
