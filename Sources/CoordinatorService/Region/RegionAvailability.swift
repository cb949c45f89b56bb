import Contracts
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

extension Coordinator {
    /// What the Region itself says stands in the way; that it cannot be asked is a problem too.
    func remoteProblems(
        of other: String, keyARN: String, _ instance: CoordinatorInstance
    ) async -> [CoordinatorProblem] {
        do {
            let answer = try await replication(in: other).checkRegion(
                .with {
                    $0.instanceArn = instance.instanceArn
                    $0.kmsKeyID = keyARN
                }, options: CallOptions(timeout: settings.timings.call))
            return answer.problems
        } catch {
            let text = (error as? RPCError)?.message ?? "no answer"
            return [
                .make(
                    "REGION_UNREACHABLE",
                    "The coordinator of \(other) cannot be asked: \(text.prefix(200))",
                    "portolan health --region \(other)")
            ]
        }
    }

    /// Local and, where the Region can be asked about a key, remote problems.
    func problems(ofAdding other: String) async -> [CoordinatorProblem] {
        let state = instance
        guard let held = state.instance else { return [] }
        let local = RegionPreconditions(settings: settings, state: state, region: other).problems
        let encryption = held.encryption
        guard settings.peers[other] != nil, other != held.primaryRegion,
            settings.availableRegions.contains(other), encryption.multiRegion
        else { return local }
        return local + (await remoteProblems(of: other, keyARN: encryption.kmsKeyArn, held))
    }

    /// The Regions that could be added, each with what is still missing.
    func availableRegions() async
        -> [CoordinatorListAvailableRegionsResponse.AvailableRegion]
    {
        let present = instance.regions
        let names = settings.availableRegions.filter { present[$0] == nil && $0 != region }
        let problems = await withTaskGroup(of: (String, [CoordinatorProblem]).self) { group in
            for name in names {
                group.addTask { (name, await self.problems(ofAdding: name)) }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        return names.sorted().map { name in
            .with {
                $0.name = name
                $0.reachable = settings.peers[name] != nil
                $0.problems = problems[name] ?? []
            }
        }
    }
}

/// Asked by the primary: could this Region take part? Its own keys service decides about the key.
struct RegionCheck {
    /// Who needs the key, and for what (aws-behaviour 5.4).
    static let principals = ["sso.amazonaws.com", "identitystore.amazonaws.com"]
    static let actions = [
        "kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptTo", "kms:ReEncryptFrom",
    ]

    let coordinator: Coordinator

    func problems(_ request: CoordinatorCheckRegionRequest) async -> [CoordinatorProblem] {
        let region = coordinator.region
        var problems: [CoordinatorProblem] = []
        let held = coordinator.instance.instance?.instanceArn
        let isMember = coordinator.engine.state.identity != nil
        if isMember, held != nil, held != request.instanceArn {
            problems.append(
                .make(
                    "REGION_NOT_AVAILABLE",
                    "The Region \(region) already holds another instance (\(held ?? ""))."))
        }
        return problems + (await keyProblems(request))
    }

    private func keyProblems(
        _ request: CoordinatorCheckRegionRequest
    ) async -> [CoordinatorProblem] {
        let region = coordinator.region
        let keyID = KeyReference.keyID(request.kmsKeyID)
        let answer: KeysCheckKeyAccessResponse
        do {
            answer = try await coordinator.keyManagement(in: region).checkKeyAccess(
                .with {
                    $0.keyID = keyID
                    $0.principals = Self.principals
                    $0.actions = Self.actions
                    $0.encryptionContext = ["aws:sso:instance-arn": request.instanceArn]
                }, options: CallOptions(timeout: coordinator.settings.timings.call))
        } catch {
            return [
                .make(
                    "REGION_UNREACHABLE", "The keys service of \(region) cannot be asked.",
                    "portolan health --region \(region)")
            ]
        }
        guard answer.hasKeyMetadata else {
            return [
                .make(
                    "KEY_REPLICA_MISSING",
                    "There is no replica of the key \(keyID) in \(region).",
                    "portolan key replicate \(keyID) --to \(region) --baseline-policy")
            ]
        }
        return stateProblems(answer.keyMetadata) + denialProblems(answer, keyID)
    }

    private func stateProblems(_ key: KeysKeyMetadata) -> [CoordinatorProblem] {
        let region = coordinator.region
        if key.keySpec != .symmetricDefault || key.keyUsage != .encryptDecrypt {
            return [
                .make("KEY_NOT_SYMMETRIC", "The key \(key.keyID) is not a symmetric key.")
            ]
        }
        if !key.multiRegion {
            return [
                .make("KEY_NOT_MULTI_REGION", "The key \(key.keyID) is not a multi-Region key.")
            ]
        }
        guard key.keyState != .enabled else { return [] }
        return [
            .make(
                "KEY_REPLICA_NOT_ENABLED",
                "The replica of the key \(key.keyID) in \(region) is not enabled "
                    + "(\(key.keyState)).",
                "portolan key enable \(key.keyID) --region \(region)")
        ]
    }

    private func denialProblems(
        _ answer: KeysCheckKeyAccessResponse, _ keyID: String
    ) -> [CoordinatorProblem] {
        let region = coordinator.region
        return answer.denials.prefix(20).map { denial in
            .make(
                "KEY_POLICY_DENIES",
                "In \(region) the key policy does not let \(denial.principal) do "
                    + "\(denial.action): \(denial.explanation.prefix(150))",
                "portolan key policy put \(keyID) --baseline-policy --region \(region)")
        }
    }
}
