import Contracts
import Foundation
import Logging
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// Compares this Region's copies with their writers' now and then. A copy that differs at the same
/// position is an alarm: it is recorded, dropped and copied again.
struct DigestGuard {
    /// Tries to meet a writer at one position, per round.
    private static let attemptsMax = 20

    let coordinator: Coordinator

    func run() async throws {
        while true {
            try await Task.sleep(for: coordinator.settings.timings.verification)
            for peer in coordinator.instance.regions.keys where peer != coordinator.region {
                try await check(against: peer)
            }
        }
    }

    private func check(against peer: String) async throws {
        var open = Set(copies(from: peer))
        for _ in 0..<Self.attemptsMax where !open.isEmpty {
            guard let theirs = try? await digests(of: peer) else { return }
            // What has been sent by then may still be on its way.
            try await Task.sleep(for: .milliseconds(20))
            let ours = coordinator.engine.state.digests
            for stream in open {
                guard
                    let differing = DigestComparison.differing(
                        stream, ours: ours, theirs: theirs)
                else { continue }
                open.remove(stream)
                if !differing.isEmpty { try await repair(stream, differing, from: peer) }
            }
        }
        try Task.checkCancellation()
    }

    /// Digests that agree when a copy is at its writer's position and equal; nil when it is not there
    /// yet. A copy that differs is dropped and copied again.
    func proof(of stream: StreamName, against peer: String) async throws -> Int? {
        guard coordinator.engine.state.streams[stream] != nil,
            let theirs = try? await digests(of: peer)
        else { return nil }
        try await Task.sleep(for: .milliseconds(20))
        let ours = coordinator.engine.state.digests
        guard
            let differing = DigestComparison.differing(
                stream, ours: ours, theirs: theirs)
        else { return nil }
        guard differing.isEmpty else {
            try await repair(stream, differing, from: peer)
            return nil
        }
        return ours.count { $0.stream == stream.text }
    }

    /// The streams held here that the peer writes.
    private func copies(from peer: String) -> [StreamName] {
        let state = coordinator.engine.state
        return state.streams.keys.filter {
            state.gate.writer(of: $0) == peer
                && ($0 != .control || state.identity?.forkedAfter == nil)
        }
    }

    private func digests(of peer: String) async throws -> [LogDomainDigest] {
        try await coordinator.replication(in: peer).getDigests(
            .init(), options: CallOptions(timeout: coordinator.settings.timings.call)
        ).digests
    }

    private func repair(
        _ stream: StreamName, _ domains: [String], from peer: String
    ) async throws {
        coordinator.logger.error(
            "this Region's copy differs from its writer's and is copied again",
            metadata: [
                "stream": "\(stream)", "domains": "\(domains.joined(separator: ", "))",
                "writer": "\(peer)",
            ])
        let event = TrailEvent(
            name: "ReplicaDiverged", source: AdministrativeCall.source,
            actor: .with {
                $0.type = "AWSService"
                $0.userName = "coordinator.\(coordinator.region)"
            }, type: "AwsServiceEvent",
            serviceDetails: [
                "stream": stream.text, "domains": domains.joined(separator: ","), "writer": peer,
            ])
        do {
            _ = try await coordinator.trail.record([event])
            try await coordinator.engine.drop(stream)
        } catch let error as LogError {
            coordinator.logger.error(
                "the copy could not be dropped", metadata: ["error": "\(error)"])
        }
    }
}
