import Contracts
import RPC
import ReplicationLog
import SwiftProtobuf

/// What must hold before a Region is added (aws-behaviour 1.1), without asking anybody.
struct RegionPreconditions {
    let settings: CoordinatorSettings
    let state: InstanceState
    let region: String

    /// Everything that stands in the way, not only the first.
    var problems: [CoordinatorProblem] {
        guard let instance = state.instance else { return [] }
        return instanceProblems(instance) + keyProblems(instance) + targetProblems(instance)
    }

    private func instanceProblems(_ instance: CoordinatorInstance) -> [CoordinatorProblem] {
        var problems: [CoordinatorProblem] = []
        if instance.kind != .organization {
            problems.append(
                .make(
                    "INSTANCE_KIND_NOT_SUPPORTED",
                    "Only an organization instance can be replicated; this is an account instance.")
            )
        }
        if !settings.replicableSources.contains(instance.identitySource) {
            problems.append(
                .make(
                    "IDENTITY_SOURCE_NOT_SUPPORTED",
                    "The identity source is \(Self.name(of: instance.identitySource)); an instance "
                        + "with an external identity provider can be replicated.",
                    "portolan instance update --identity-source external-idp"))
        }
        if instance.identitySource == .externalIdp, state.identityProvider == nil {
            problems.append(
                .make(
                    "IDENTITY_PROVIDER_MISSING", "No external identity provider is configured.",
                    "portolan instance set-idp --metadata FILE"))
        }
        return problems
    }

    private func keyProblems(_ instance: CoordinatorInstance) -> [CoordinatorProblem] {
        let encryption = instance.encryption
        guard !encryption.kmsKeyArn.isEmpty else {
            return [
                .make(
                    "CUSTOMER_MANAGED_KEY_REQUIRED",
                    "The instance is encrypted by the service's own key; replication needs a "
                        + "customer managed multi-Region key.",
                    "portolan key create --multi-region --baseline-policy, then "
                        + "portolan instance update --kms-key KEY")
            ]
        }
        if !encryption.multiRegion {
            return [
                .make(
                    "KEY_NOT_MULTI_REGION",
                    "The key \(encryption.kmsKeyArn) is not a multi-Region key.",
                    "portolan key create --multi-region --baseline-policy, then "
                        + "portolan instance update --kms-key KEY")
            ]
        }
        if encryption.status == .updating {
            return [
                .make(
                    "CUSTOMER_MANAGED_KEY_REQUIRED",
                    "The change to the key \(encryption.kmsKeyArn) is still on its way.",
                    "portolan instance show")
            ]
        }
        return []
    }

    private func targetProblems(_ instance: CoordinatorInstance) -> [CoordinatorProblem] {
        var problems: [CoordinatorProblem] = []
        if region == instance.primaryRegion {
            problems.append(
                .make("REGION_IS_PRIMARY", "\(region) is the primary Region of the instance."))
        } else if !settings.availableRegions.contains(region) {
            problems.append(
                .make(
                    "REGION_NOT_AVAILABLE",
                    "\(region.prefix(64)) is not one of the Regions that may be added.",
                    "portolan region available"))
        } else if settings.peers[region] == nil {
            problems.append(
                .make(
                    "REGION_UNREACHABLE",
                    "No address of \(region) is configured here: add it to \"peers\" of this "
                        + "Region's configuration."))
        }
        if state.regions.count >= settings.regionsMax, state.regions[region] == nil {
            problems.append(
                .make(
                    "REGION_QUOTA",
                    "The instance is already in \(state.regions.count) Regions; the quota is "
                        + "\(settings.regionsMax).", "portolan region remove REGION"))
        }
        return problems
    }

    private static func name(of source: CoordinatorIdentitySource) -> String {
        switch source {
        case .activeDirectory: "Active Directory"
        case .identityCenterDirectory: "the built-in directory"
        case .externalIdp: "an external identity provider"
        default: "not known"
        }
    }

    /// The refusal that names every problem.
    static func refusal(_ problems: [CoordinatorProblem]) -> RPCError {
        var metadata: [String: String] = [:]
        for (index, problem) in problems.prefix(24).enumerated() {
            let remedy = problem.remedy.isEmpty ? "" : " Do: \(problem.remedy)"
            metadata["problem-\(index + 1)"] =
                String("\(problem.code): \(problem.message)\(remedy)".prefix(300))
        }
        let text = problems.prefix(12).map { problem in
            "\(problem.code): \(problem.message)"
                + (problem.remedy.isEmpty ? "" : " Do: \(problem.remedy)")
        }
        return RPCError(
            .failedPrecondition, reason: "REGION_PRECONDITIONS_FAILED",
            message: text.joined(separator: "\n"), metadata: metadata)
    }
}

extension CoordinatorProblem {
    static func make(
        _ code: String, _ message: String, _ remedy: String = ""
    ) -> CoordinatorProblem {
        .with {
            $0.code = code
            $0.message = message
            $0.remedy = remedy
        }
    }
}
