import ArgumentParser
import Contracts
import CoordinatorService
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf

/// Recomputes a trail's chain, and compares it with what other Regions have taken down of it.
struct TrailVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Recompute the hash chain of the Region's trail.",
        discussion:
            "The chain is compared with the signed checkpoints that the other Regions of the "
            + "context have taken down, so that a cut-off end shows, and a trail made anew. Exit "
            + "code 1 when it is broken.")

    @OptionGroup var client: ClientOptions
    @Option(
        help: ArgumentHelp(
            "A Region whose checkpoints have to be had; once for each. Default: those of the context "
                + "that can be reached.", valueName: "region"))
    var witness: [String] = []

    func run() async throws {
        try await client.connected { session in
            let found = try await checkpoints(session)
            var request = TrailVerifyRequest()
            request.checkpoints = found.checkpoints
            let answer = try await session.trail.verify(request, options: session.options)
            if client.json {
                try JSONOutput.print(answer)
            } else if answer.intact {
                Console.print(
                    "Intact: \(Format.count(answer.events)) events.\n"
                        + Self.compared(found, answer) + "\nHead: \(answer.headHash.hexadecimal)")
            } else {
                Console.print(
                    "BROKEN at sequence number \(answer.firstBrokenSequence): "
                        + answer.explanation)
            }
            for problem in found.problems { Console.note(problem) }
            if answer.checkpointsOfEarlierTrail > 0 {
                Console.note(
                    "\(answer.checkpointsOfEarlierTrail) checkpoints are of a trail that "
                        + "\(session.region) had before, and has not any more.")
            }
            if !answer.intact { throw ExitCode(1) }
        }
    }

    private struct Found {
        var checkpoints: [TrailCheckpoint] = []
        var regions: [String] = []
        var problems: [String] = []
    }

    private static func compared(_ found: Found, _ answer: TrailVerifyResponse) -> String {
        guard answer.checkpointsCompared > 0 else {
            return "No other Region has a checkpoint of it to compare with."
        }
        let newest = found.checkpoints.map(\.signedAtUs).max() ?? 0
        return "It agrees with \(answer.checkpointsCompared) checkpoints that "
            + "\(found.regions.joined(separator: ", ")) took down, the newest of "
            + "\(Format.time(newest))."
    }

    private func checkpoints(_ session: RegionSession) async throws -> Found {
        let verifier = try StatementVerifier(
            roots: session.context.roots, trustDomain: session.context.trustDomain)
        let others = witness.isEmpty ? session.context.regions.keys.sorted() : witness
        var found = Found()
        for region in others where region != session.region {
            do {
                let listed = try await session.other(region).trail.listCheckpoints(
                    .with {
                        $0.region = session.region
                        $0.limit = UInt32(900 / max(1, others.count))
                    }, options: session.options
                ).checkpoints
                await take(listed, of: session.region, from: region, verifier, &found)
            } catch let error as RPCError where witness.isEmpty {
                found.problems.append("\(region) could not be asked: \(error.message)")
            }
        }
        return found
    }

    private func take(
        _ listed: [TrailListCheckpointsResponse.Witnessed], of trail: String, from region: String,
        _ verifier: StatementVerifier, _ found: inout Found
    ) async {
        let before = found.checkpoints.count
        var told: Set<String> = []
        // Oldest first: an alarm is carried on until somebody acknowledges it, and told once.
        for witnessed in listed.reversed() {
            // What was objected to when it came contradicts those before it: the note is what it tells.
            guard witnessed.problem.isEmpty else {
                guard told.insert(witnessed.problem).inserted else { continue }
                found.problems.append(
                    "\(region), \(Format.time(witnessed.eventTimeUs)): \(witnessed.problem)")
                continue
            }
            if let checkpoint = await SignedCheckpoint.read(
                witnessed.checkpoint, of: trail, verifier)
            {
                found.checkpoints.append(checkpoint)
            }
        }
        if found.checkpoints.count > before { found.regions.append(region) }
    }
}
