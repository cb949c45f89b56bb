import Contracts
import Foundation
import RPC
import ReplicationLog
import SwiftProtobuf

/// Compares the digests of all Regions at equal positions.
struct RegionVerification {
    private struct Sample: Hashable {
        let region: String
        let stream: String
        let sequence: UInt64
    }

    private let coordinator: Coordinator
    private let regions: [String]
    private var digests: [Sample: [String: LogDomainDigest]] = [:]
    private var latest: [String: [LogDomainDigest]] = [:]
    private var problems: [String: String] = [:]

    init(_ coordinator: Coordinator) {
        self.coordinator = coordinator
        let active = coordinator.instance.regions.values.filter { $0.status == .active }
        regions = Set(active.map(\.name)).union([coordinator.region]).sorted()
    }

    /// Asks again and again until every stream has been seen at one position everywhere, or until
    /// shortly before the deadline.
    func run(until deadline: Deadline) async throws -> CoordinatorVerifyRegionsResponse {
        guard coordinator.instance.instance != nil else {
            throw RPCError.noInstance(coordinator.region)
        }
        var copy = self
        let patience = min(deadline.remaining * 0.8, .seconds(30))
        let end = ContinuousClock.now + patience
        while true {
            try await copy.collect()
            let open = copy.streams.filter { copy.commonSequence(of: $0) == nil }
            if open.isEmpty || .now >= end { return copy.verdict(open) }
            try await Task.sleep(for: .milliseconds(40))
        }
    }

    private var streams: [String] {
        Set(latest.values.flatMap { $0 }.map(\.stream)).sorted()
    }

    private var answering: [String] { regions.filter { problems[$0] == nil } }

    private mutating func collect() async throws {
        let (coordinator, regions) = (coordinator, regions)
        let answers = await withTaskGroup(of: (String, Result<[LogDomainDigest], any Error>).self) {
            group in
            for region in regions {
                group.addTask { (region, await Self.digests(of: region, coordinator)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        try Task.checkCancellation()
        for (region, answer) in answers {
            switch answer {
            case .success(let found):
                problems[region] = nil
                latest[region] = found
                for digest in found {
                    let sample = Sample(
                        region: region, stream: digest.stream, sequence: digest.sequence)
                    digests[sample, default: [:]][digest.domain] = digest
                }
            case .failure(let error):
                problems[region] =
                    "could not be asked: \((error as? RPCError)?.message ?? "no answer")"
            }
        }
    }

    private static func digests(
        of region: String, _ coordinator: Coordinator
    ) async -> Result<[LogDomainDigest], any Error> {
        if region == coordinator.region { return .success(coordinator.engine.state.digests) }
        do {
            let answer = try await coordinator.replication(in: region).getDigests(
                .init(), options: CallOptions(timeout: coordinator.settings.timings.call))
            return .success(answer.digests)
        } catch {
            return .failure(error)
        }
    }

    /// The newest position of a stream that all answering Regions have been seen at.
    private func commonSequence(of stream: String) -> UInt64? {
        let seen = answering.map { region in
            Set(digests.keys.filter { $0.region == region && $0.stream == stream }.map(\.sequence))
        }
        guard let first = seen.first else { return nil }
        return seen.dropFirst().reduce(first) { $0.intersection($1) }.max()
    }

    private func verdict(_ open: [String]) -> CoordinatorVerifyRegionsResponse {
        var response = CoordinatorVerifyRegionsResponse()
        for stream in streams {
            guard let sequence = commonSequence(of: stream) else { continue }
            compare(stream, at: sequence, &response)
        }
        response.regions = regions.map { region in
            .with {
                $0.region = region
                $0.digests = latest[region] ?? []
                $0.problem = problems[region] ?? ""
                if $0.problem.isEmpty, !open.isEmpty {
                    $0.problem =
                        "was not seen at one position with the others in time: "
                        + open.joined(separator: ", ")
                }
            }
        }
        response.equal = response.differences.isEmpty && open.isEmpty && problems.isEmpty
        return response
    }

    private func compare(
        _ stream: String, at sequence: UInt64, _ response: inout CoordinatorVerifyRegionsResponse
    ) {
        let reference = coordinator.region
        let expected = digests[Sample(region: reference, stream: stream, sequence: sequence)] ?? [:]
        response.compared += UInt32(expected.count)
        for region in answering where region != reference {
            let found = digests[Sample(region: region, stream: stream, sequence: sequence)] ?? [:]
            response.compared += UInt32(found.count)
            for domain in Set(expected.keys).union(found.keys).sorted()
            where expected[domain]?.liveSum != found[domain]?.liveSum {
                let (here, there) = (expected[domain]?.liveKeys, found[domain]?.liveKeys)
                response.differences.append(
                    .with {
                        $0.region = region
                        $0.stream = stream
                        $0.domain = domain
                        $0.explanation =
                            "At \(sequence) \(reference) holds \(here ?? 0) keys and \(region) "
                            + "\(there ?? 0), or their values differ: copy the domain again."
                    })
            }
        }
    }
}

extension LogDomainDigest {
    /// The sum; nil for a domain whose keys are all gone, which a Region that came later may not know.
    fileprivate var liveSum: Data? { liveKeys > 0 ? sum : nil }
}
