import Contracts
import Foundation
import RPC
import ReplicationLog
import SwiftProtobuf

extension Coordinator {
    /// Changes settings; a new KMS key is tried first and then taken over in the background.
    func updateInstance(
        _ request: CoordinatorUpdateInstanceRequest, event: TrailEvent
    ) async throws -> CoordinatorUpdateInstanceResponse {
        let present = try requirePrimaryWithInstance()
        try validate(request)
        var encryption: CoordinatorEncryption?
        if request.hasKmsKeyID {
            encryption = try await newEncryption(request.kmsKeyID, present)
        }
        var updated = present
        let position = try await changeInstance(events: [event]) { state in
            guard var instance = state.instance else { throw RPCError.noInstance(region) }
            var changes: [InstanceChange] = []
            if let encryption, encryption.kmsKeyArn != instance.encryption.kmsKeyArn {
                guard instance.encryption.status != .updating else {
                    throw RPCError(
                        .aborted, reason: "WORKFLOW_IN_PROGRESS",
                        message: "The KMS key is already being changed; wait until it is done.")
                }
                changes.append(
                    .put(
                        InstanceKey.previousEncryption,
                        try instance.encryption.serializedData()))
                let generation = instance.encryption.dataKeyGeneration
                instance.encryption = encryption
                instance.encryption.dataKeyGeneration = generation
            }
            if request.hasName { instance.name = request.name }
            if request.hasSessionDurationSeconds {
                instance.sessionDurationSeconds = request.sessionDurationSeconds
            }
            if request.hasAdministratorGroupID {
                instance.administratorGroupID = request.administratorGroupID
            }
            if request.hasIdentitySource {
                try checkSource(request.identitySource, state)
                instance.identitySource = request.identitySource
            }
            updated = instance
            return changes + [try .put(instance)]
        }
        return .with {
            $0.instance = updated
            $0.position = position
        }
    }

    /// Refuses settings that no instance may have.
    func validate(_ request: CoordinatorUpdateInstanceRequest) throws {
        guard request.name.utf8.count <= 255 else { throw invalid("The name is too long.") }
        guard request.administratorGroupID.utf8.count <= 64 else {
            throw invalid("The group ID is too long.")
        }
        if request.hasSessionDurationSeconds,
            !(900...7_776_000).contains(request.sessionDurationSeconds)
        {
            throw invalid("A session lasts 900 to 7,776,000 seconds.")
        }
        if request.hasIdentitySource {
            switch request.identitySource {
            case .externalIdp, .identityCenterDirectory, .activeDirectory: break
            default: throw invalid("The identity source is not known.")
            }
        }
    }

    /// A source that may not be replicated is refused while there are additional Regions.
    func checkSource(
        _ source: CoordinatorIdentitySource, _ state: InstanceState
    ) throws {
        guard state.regions.count > 1, !settings.replicableSources.contains(source) else { return }
        throw RPCError(
            .failedPrecondition, reason: "IDENTITY_SOURCE_NOT_SUPPORTED",
            message: "With additional Regions the identity source stays an external IdP; remove "
                + "the Regions first.")
    }

    /// The identity provider, replacing the one before.
    func putIdentityProvider(
        _ request: CoordinatorPutIdentityProviderRequest, event: TrailEvent
    ) async throws -> CoordinatorPutIdentityProviderResponse {
        _ = try requirePrimaryWithInstance()
        var provider = request.identityProvider
        try validate(provider)
        provider.updatedAtUs = now()
        let value = try provider.serializedData() as Data
        let position = try await changeInstance(events: [event]) { _ in
            [.put(InstanceKey.identityProvider, value)]
        }
        return .with { $0.position = position }
    }

    /// Refuses an identity provider that nobody could sign in with.
    func validate(_ provider: CoordinatorIdentityProvider) throws {
        guard (1...1_024).contains(provider.entityID.utf8.count),
            provider.signInURL.hasPrefix("https://") || provider.signInURL.hasPrefix("http://"),
            provider.signInURL.utf8.count <= 2_048
        else { throw invalid("An identity provider has an entity ID and a sign-in URL.") }
        guard (1...10).contains(provider.signingCertificates.count),
            provider.signingCertificates.allSatisfy({ (64...16_384).contains($0.count) })
        else { throw invalid("An identity provider has 1 to 10 signing certificates.") }
        guard provider.metadataXml.count <= 75_000 else {
            throw invalid("Metadata has at most 75,000 characters.")
        }
    }
}
