import Contracts
import RPC
import ReplicationLog
import SwiftProtobuf

extension Coordinator {
    /// Makes the instance: signing key, identity of the log, records.
    ///
    /// Throws: ALREADY_EXISTS INSTANCE_EXISTS, INVALID_ARGUMENT; what the keys service says.
    func createInstance(
        _ request: CoordinatorCreateInstanceRequest, event: TrailEvent
    ) async throws -> CoordinatorCreateInstanceResponse {
        try validate(request)
        let state = engine.state
        guard instance.instance == nil, state.identity?.isPrimary ?? true else {
            throw RPCError(
                .alreadyExists, reason: "INSTANCE_EXISTS",
                message: "The Region \(region) already holds an instance.")
        }
        var made = newInstance(request)
        made.signingKeyID = try await createSigningKey()
        if state.identity == nil {
            try await engine.establish(
                LogIdentity(
                    logID: Identifiers.logID(), region: region, primaryRegion: region, epoch: 1,
                    mayWriteOwnStream: true))
        }
        let own = CoordinatorRegion.with {
            $0.name = region
            $0.status = .active
            $0.primary = true
            $0.addedAtUs = made.createdAtUs
            $0.portalURL = settings.portalURL
            $0.coordinatorAddress = settings.coordinatorAddress
        }
        var event = event
        event.resources = [
            .with {
                $0.type = "AWS::SSO::Instance"
                $0.arn = made.instanceArn
            }
        ]
        let position = try await changeInstance(events: [event]) { state in
            guard state.instance == nil else {
                throw RPCError(
                    .alreadyExists, reason: "INSTANCE_EXISTS",
                    message: "The instance has been made by another call.")
            }
            return [try .put(made), try .put(own)]
        }
        return .with {
            $0.instance = made
            $0.position = position
        }
    }

    private func validate(_ request: CoordinatorCreateInstanceRequest) throws {
        guard request.name.utf8.count <= 255 else { throw invalid("The name is too long.") }
        if !request.ownerAccountID.isEmpty, !Identifiers.isAccountID(request.ownerAccountID) {
            throw invalid("An account ID has 12 digits.")
        }
        if case .UNRECOGNIZED = request.kind { throw invalid("The kind is not known.") }
        if case .UNRECOGNIZED = request.identitySource {
            throw invalid("The identity source is not known.")
        }
    }

    func invalid(_ message: String) -> RPCError {
        RPCError(.invalidArgument, reason: "ValidationException", message: message)
    }

    private func newInstance(_ request: CoordinatorCreateInstanceRequest) -> CoordinatorInstance {
        .with {
            $0.instanceArn = Identifiers.instanceARN()
            $0.identityStoreID = Identifiers.identityStoreID()
            $0.ownerAccountID =
                request.ownerAccountID.isEmpty ? settings.accountID : request.ownerAccountID
            $0.kind = request.kind == .unspecified ? .organization : request.kind
            if $0.kind == .organization {
                let given = [request.organizationID, settings.organizationID].first { !$0.isEmpty }
                $0.organizationID = given ?? Identifiers.organizationID()
            }
            $0.name = request.name
            $0.identitySource =
                request.identitySource == .unspecified
                ? .identityCenterDirectory : request.identitySource
            $0.primaryRegion = region
            $0.createdAtUs = now()
            $0.encryption.status = .enabled
            $0.sessionDurationSeconds = 28_800
        }
    }

    private func createSigningKey() async throws -> String {
        let answer = try await keyManagement(in: region).createKey(
            .with {
                $0.keySpec = .eccNistP256
                $0.keyUsage = .signVerify
                $0.multiRegion = true
                $0.description_p = "Signs the sessions of the instance"
                $0.serviceManaged = true
            }, options: CallOptions(timeout: settings.timings.call))
        return answer.keyMetadata.keyID
    }
}
